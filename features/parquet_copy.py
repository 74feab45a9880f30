"""A copy of a store's large tables in Parquet, beside a SQLite file: the same rows, read several times as fast.

Never the truth: a copy names the state of the store that it was made of, which every write changes, and is used for
that state alone. A copy that is missing, stale or damaged is passed over, and made again by the next read. Each file is
written under another name and then moved into place, so that there is never half of one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from pathlib import Path

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

__all__ = ["discard_copies", "read_copy", "write_copy"]

_STATE = b"dealcast-state"


def read_copy(folder: Path, name: str, state: str) -> pd.DataFrame | None:
    """A table as its copy has it, None where there is no sound copy of that state."""
    path = folder / f"{name}.parquet"
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if (file.schema_arrow.metadata or {}).get(_STATE) != state.encode():
                return None
            rows: pd.DataFrame = file.read().to_pandas(ignore_metadata=True)
            return rows
    except (OSError, pa.ArrowException):
        return None


def write_copy(folder: Path, name: str, state: str, rows: pd.DataFrame) -> None:
    """Copy a table of the store in a state. Where that is not possible, as on a read-only disk, nothing happens."""
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata({_STATE: state.encode()})
    part = folder / f"{name}.{uuid.uuid4().hex}.part"
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
        try:
            pq.write_table(table, part, compression="lz4", write_page_checksum=True)
            os.replace(part, folder / f"{name}.parquet")
        finally:
            part.unlink(missing_ok=True)


def discard_copies(folder: Path) -> None:
    """Remove the copies of a state that is over, and with them what was erased since."""
    shutil.rmtree(folder, ignore_errors=True)
