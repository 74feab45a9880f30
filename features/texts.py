"""Primitives of the as-of engine for texts and for fields that hold several values."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.asof import Floats, Texts, code
from features.events import Events
from features.known import AsOf

__all__ = ["held_values", "holds", "separator_of", "text_length", "words_hashed"]

SEPARATORS = (";", "|")  # between the values of a field that holds several; a comma only where its values recur
_WORD = r"(?=([\u4e00-\u9fff]{2}))|([^\W_\u4e00-\u9fff]+)"


def text_length(events: Events, pairs: AsOf) -> Floats:
    """Length of the last text in characters; NaN where nothing is known or the field was emptied."""
    lengths: Floats = events.memo_of("lengths", lambda events: np.append(
        np.array([float(len(level)) for level in events.levels], dtype=np.float64), np.nan))
    return lengths[code(events, pairs)]


def words_hashed(events: Events, pairs: AsOf, bucket: int, buckets: int) -> Floats:
    """How many words of the last text fall into a bucket, by a hash that is the same everywhere; NaN without a text.

    Words are runs of letters and digits, in lower case; of Chinese, where none is set apart, pairs of characters.
    """
    counts: Floats = events.memo_of(("words", buckets), lambda events: _bags(events.levels, buckets))
    return np.asarray(counts[code(events, pairs), bucket])


def holds(events: Events, pairs: AsOf, value: str, separator: str) -> Floats:
    """1 where a value is among those of the last entry, 0 where it is not; NaN where nothing is known."""
    member: Floats = events.memo_of(("holds", value, separator), lambda events: np.append(
        np.array([float(value in _parts(level, separator)) for level in events.levels], dtype=np.float64), np.nan))
    return member[code(events, pairs)]


def separator_of(levels: Texts) -> str | None:
    """What separates the values of a field that holds several, by its distinct entries; None where none holds several.
    A comma does where the values between commas are fewer than the entries: the parts of a name or place are more."""
    for separator in SEPARATORS:
        if any(separator in level for level in levels):
            return separator
    return "," if any("," in level for level in levels) and len(held_values(levels, ",")) < len(levels) else None


def held_values(levels: Texts, separator: str) -> list[str]:
    """Every value that one of the entries holds, sorted."""
    return sorted({part for level in levels for part in _parts(level, separator)})


def _parts(level: str, separator: str) -> set[str]:
    return {part.strip() for part in level.split(separator)} - {""}


def _bags(texts: Texts, buckets: int) -> Floats:
    """Words in each bucket, for each text (texts + 1, buckets); NaN in the last row, for no text."""
    counts = np.full((len(texts) + 1, buckets), np.nan)
    words = pd.Series(texts, dtype=object).astype(str).str.lower().str.findall(_WORD).explode().dropna().str.join("")
    bucket = (pd.util.hash_array(words.to_numpy(object)) % np.uint64(buckets)).astype(np.int64)
    counts[:-1] = np.bincount(words.index.to_numpy() * buckets + bucket, minlength=len(texts) * buckets).reshape(
        len(texts), buckets)
    return counts
