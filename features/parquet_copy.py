"""A copy of a store's large tables in Parquet, beside a SQLite file: the same rows, read several times as fast.

Never the truth: a copy names the state of the store that it was made of, which every write changes, and is used for
that state alone; its name also holds a hash of its content. A copy that is missing, stale or damaged is passed over,
and made again by the next read. A file gets its name when it is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from pathlib import Path

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

__all__ = ["discard_copies", "read_copy", "write_copy"]


def read_copy(folder: Path, name: str, state: str) -> pd.DataFrame | None:
    """A table as its copy has it, None where there is no sound copy of that state."""
    try:
        for path in folder.glob(f"{name}.{state}.*.parquet"):
            content = path.read_bytes()
            if path.name == _file_name(name, state, content):
                rows: pd.DataFrame = pq.read_table(pa.BufferReader(content)).to_pandas(ignore_metadata=True)
                return rows
    except OSError:  # another's write has just removed it
        pass
    return None


def write_copy(folder: Path, name: str, state: str, rows: pd.DataFrame) -> None:
    """Copy a table of the store in a state. Where that is not possible, as on a read-only disk, nothing happens."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), sink, compression="lz4")
    content = sink.getvalue().to_pybytes()
    part, path = folder / f"{uuid.uuid4().hex}.part", folder / _file_name(name, state, content)
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
        try:
            part.write_bytes(content)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        for other in folder.glob(f"{name}.*.parquet"):
            if other != path:
                other.unlink(missing_ok=True)


def discard_copies(folder: Path) -> None:
    """Remove the copies of a state that is over, and with them what was erased since."""
    shutil.rmtree(folder, ignore_errors=True)


def _file_name(name: str, state: str, content: bytes) -> str:
    return f"{name}.{state}.{hashlib.blake2b(content, digest_size=16).hexdigest()}.parquet"
