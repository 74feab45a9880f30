"""Parquet: files, and folders partitioned as key=value, whose keys are columns too.

Rows are numbered from 1. Columns keep the types of the file; text may be encoded as a dictionary or as bytes of UTF-8.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from features.errors import BadInput
from features.mapping import Source
from features.sources.raw import RawTable, with_nul_cells

__all__ = ["read_parquet"]

_NULL_KEY = "__HIVE_DEFAULT_PARTITION__"
# Whole numbers stay whole where some are missing, which a float column would not keep.
_INTEGERS = {pa.int8(): pd.Int64Dtype(), pa.int16(): pd.Int64Dtype(), pa.int32(): pd.Int64Dtype(),
             pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.Int64Dtype(), pa.uint16(): pd.Int64Dtype(),
             pa.uint32(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}


def read_parquet(path: Path, name: str, source: Source, wanted: Collection[str]) -> list[RawTable]:
    """Read the wanted columns of one file (all that are not nested when none is named). Raises BadInput."""
    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
        keys = {key: value for key, value in _partition_keys(path).items() if key not in schema.names}
        if wanted:
            columns = pd.Index([*schema.names, *keys], dtype=object)
            RawTable(name, pd.DataFrame(columns=columns), np.array([], np.int64)).require(wanted)
        nested = {one for one in schema.names if pa.types.is_nested(schema.field(one).type)}
        asked = [one for one in schema.names if (one in wanted if wanted else one not in nested)]
        for one in asked:
            if one in nested:
                raise BadInput(f"{name}, column '{one}' holds {schema.field(one).type}: lists and structures in a cell "
                               "are not read. Export the parts that you need as columns of their own.")
        table = _plain(file.read(columns=asked).select(asked))
        table.validate(full=True)
        frame = table.to_pandas(types_mapper=_INTEGERS.get, date_as_object=False, ignore_metadata=True)
    except (pa.ArrowException, OSError, OverflowError, ValueError) as error:
        raise BadInput(f"{name} cannot be read as Parquet: {error}") from error
    rows = file.metadata.num_rows
    frame = frame if len(frame.columns) else pd.DataFrame(index=range(rows))
    for key, value in keys.items():
        if not wanted or key in wanted:
            frame[key] = pd.Series([value] * rows, dtype="str")
    return [with_nul_cells(RawTable(name, frame, np.arange(1, rows + 1)))]


def _plain(table: pa.Table) -> pa.Table:
    """Dictionaries as what they stand for, bytes as the text that they are."""
    fields = []
    for one in table.schema:
        kind = one.type.value_type if pa.types.is_dictionary(one.type) else one.type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_string_view(kind):
            kind = pa.large_string()
        fields.append(pa.field(one.name, kind))
    return table.cast(pa.schema(fields))


def _partition_keys(path: Path) -> dict[str, str | None]:
    """The columns that a file's folders name: year=2024/month=03/part.parquet."""
    keys: dict[str, str | None] = {}
    for folder in path.parent.parts:
        key, equals, value = folder.partition("=")
        if equals and key:
            keys[unquote(key)] = None if value == _NULL_KEY else unquote(value)
    return keys
