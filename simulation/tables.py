"""The CRM's tables in memory, and how a cell of them is written.

A table is a data frame of text (`str`, "" where empty), int64 and dates (datetime64, NaT where empty). An int64 column
of times (`TIMES`) holds microseconds in UTC; any other int64 column is a number, empty where negative. `key` numbers
the rows for the warts' own random draws (see warts/) and is never written. Nothing is of object type, so that millions
of rows stay small.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

__all__ = ["KEY", "TIMES", "Tables", "column_as_text", "column_as_typed", "is_date", "numbered", "pick", "table_of",
           "text"]

Int = npt.NDArray[np.int64]
Tables = dict[str, pd.DataFrame]
TIMES = frozenset({"created_at", "changed_at", "happened_at", "entered_at", "valid_from", "made_at", "set_at"})
KEY = "key"


def text(values: npt.ArrayLike | Sequence[str] | pa.Array) -> pd.Series:
    """Strings as a text column."""
    if not isinstance(values, (pa.Array, pa.ChunkedArray)):
        values = pa.array(np.asarray(values, dtype=object), pa.large_string())
    return pd.Series(values.cast(pa.large_string()).to_pandas(types_mapper={pa.large_string(): pd.StringDtype()}.get))


def pick(values: Sequence[str] | npt.NDArray[np.object_] | pa.ChunkedArray, codes: npt.ArrayLike) -> pd.Series:
    """The value of each code, "" for those below 0, as a text column."""
    at = np.asarray(codes, dtype=np.int64)
    at = np.where(at < 0, len(values), at)
    if not isinstance(values, pa.ChunkedArray):
        values = pa.chunked_array([pa.array(list(values), pa.large_string())])
    words = pa.chunked_array([*values.chunks, pa.array([""], pa.large_string())])
    return text(words.combine_chunks().take(pa.array(at)))


def numbered(prefix: str, numbers: Int, width: int = 6) -> pd.Series:
    """Ids such as D-000017, as a text column."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.large_string()), width, "0")
    return text(pc.binary_join_element_wise(pa.scalar(f"{prefix}-", pa.large_string()), digits,
                                            pa.scalar("", pa.large_string())))


def is_date(column: pd.Series) -> bool:
    """Whether a column holds dates."""
    return bool(pd.api.types.is_datetime64_any_dtype(column.dtype))


def table_of(columns: dict[str, pd.Series | Int | str]) -> pd.DataFrame:
    """A table from columns of one length; a string stands for a column of it."""
    n = max(len(column) for column in columns.values() if not isinstance(column, str))
    found = {name: pick([column], np.zeros(n, dtype=np.int64)) if isinstance(column, str)
             else column.reset_index(drop=True) if isinstance(column, pd.Series) else np.asarray(column)
             for name, column in columns.items()}
    return pd.DataFrame({**found, KEY: np.arange(n)})


def column_as_text(name: str, column: pd.Series) -> pa.Array:
    """A column as the CRM writes it to text, an array of `string`: times in UTC to the second, "" where empty."""
    if is_date(column):
        return pa.array(column.to_numpy("datetime64[D]")).cast(pa.string()).fill_null("")
    if column.dtype != np.int64:
        return _one_array(pa.array(column, from_pandas=True)).cast(pa.string()).fill_null("")
    numbers = column.to_numpy(np.int64)
    if name in TIMES:
        moments = pa.array(numbers // 1_000_000).cast(pa.timestamp("s")).cast(pa.string())
        return pc.binary_join_element_wise(pc.replace_substring(moments, " ", "T"), "Z", "")
    written = pa.array(numbers).cast(pa.string())
    return pc.if_else(pa.array(numbers < 0), "", written) if (numbers < 0).any() else written


def column_as_typed(name: str, column: pd.Series) -> pa.Array:
    """A column as typed files hold it: times in UTC to the second, null where empty."""
    if is_date(column):
        return pa.array(column.to_numpy("datetime64[D]"))
    if column.dtype != np.int64:
        found = _one_array(pa.array(column, from_pandas=True)).cast(pa.string())
        return pc.if_else(pc.equal(found, ""), pa.scalar(None, pa.string()), found)
    numbers = column.to_numpy(np.int64)
    if name in TIMES:
        return pa.array(numbers // 1_000_000).cast(pa.timestamp("s")).cast(pa.timestamp("us", "UTC"))
    return pa.array(numbers, mask=numbers < 0)


def _one_array(found: pa.Array | pa.ChunkedArray) -> pa.Array:
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
