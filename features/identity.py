"""The identity of a stored row: 128 bits made of the row's own columns, the same on every machine and for ever.

In: a table's name and its columns, each text, whole numbers or floating-point numbers. Out: (n, 2) uint64, and as bytes
what a store keeps. Each distinct text is hashed once, with BLAKE2b; what a row's columns give is folded together with
splitmix64's finaliser (Steele, Lea and Flood, 2014, "Fast splittable pseudorandom number generators"), which maps
64 bits one to one, in two lanes of different constants. A missing text is no text at all: not "", not "None".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

__all__ = ["Keys", "Texts", "as_bytes", "encoded", "identities"]

Keys = npt.NDArray[np.uint64]
Lane = npt.NDArray[np.uint64]
_LANES = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], dtype=np.uint64)  # odd, so that multiplying loses nothing


@dataclass(frozen=True)
class Texts:
    """A column of text as codes (n,) into its distinct texts, the last of which is None."""

    codes: npt.NDArray[np.int64]
    distinct: npt.NDArray[np.object_]


def encoded(column: pd.Series) -> Texts:
    """A column of text, whatever its dtype; a missing cell is None."""
    array: Any = pa.array(column, type=pa.large_string(), from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    dictionary = array.dictionary_encode()
    distinct = dictionary.dictionary.to_pylist()
    codes = dictionary.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
    return Texts(codes.astype(np.int64), np.array([*distinct, None], dtype=object))


def identities(name: str, columns: list[Texts | npt.NDArray[Any]], n: int) -> Keys:
    """Identities (n, 2) of a table's rows. Each column is (n,): text, integers or floats, NaN where missing."""
    first, second = (np.full(n, start, dtype=np.uint64) for start in _digests([name])[0])
    for column in columns:
        for lane, state, value in zip(_LANES, (first, second), _lanes_of(column), strict=True):
            state *= lane
            state += value
            _mix(state)
    return np.stack([first, second], axis=1)


def as_bytes(keys: Keys) -> list[bytes]:
    """Identities as a store keeps them, 16 bytes each; they sort as (first lane, second lane)."""
    joined = keys.astype(">u8").tobytes()
    return [joined[at:at + 16] for at in range(0, len(joined), 16)]


def _lanes_of(column: Texts | npt.NDArray[Any]) -> tuple[Lane, Lane]:
    if isinstance(column, Texts):
        digests = _digests(column.distinct.tolist())
        return digests[column.codes, 0], digests[column.codes, 1]
    if np.issubdtype(column.dtype, np.floating):
        number = column.astype(np.float64) + 0.0  # -0.0 is 0.0, and every NaN is one
        bits = np.where(np.isnan(number), np.nan, number).view(np.uint64)
    else:
        bits = column.astype(np.int64).view(np.uint64)
    other = bits ^ _LANES[1]
    _mix(other)
    return bits, other


def _digests(texts: list[str | None]) -> Keys:
    """(len(texts), 2), little-endian halves of each text's hash."""
    joined = b"".join(
        hashlib.blake2b(b"", digest_size=16, person=b"missing").digest() if text is None else
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts)
    return np.frombuffer(joined, dtype="<u8").astype(np.uint64).reshape(-1, 2)


def _mix(state: Lane) -> None:
    """splitmix64's finaliser, in place."""
    state ^= state >> np.uint64(30)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
