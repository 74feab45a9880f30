"""The as-of engine: questions about many (subject, time) pairs at once.

In: an `AsOf` (one kind of subject, codes and times, both (n,)) and the `Events` of a field or an activity kind.
Out: (n,) arrays; a pair for which nothing is known yet gets NaN or None, never 0, except counts. Every answer is what
the log says that is known at the pair's time, in the order in which things became so (`features.known`). A window is
(as_of - days, as_of] on a row's own time, among the rows known at as_of. No function loops over pairs or rows.
Further primitives: `features.paths` for what depends on the order of rows, `features.peers` for what other subjects
tell, `features.texts` for words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from features.events import Events, Int
from features.known import Asked, AsOf, Log

__all__ = ["AsOf", "Feature", "Floats", "Texts", "age_days", "at_creation", "category", "code", "compute", "count",
           "days_since_first", "days_since_last", "days_until", "distinct", "first_number", "mean", "moment", "newest",
           "number", "oldest", "rate_of_change", "ratio", "total"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Feature:
    """One declared feature: what it is called, what it says, how it is computed and how a reason words it.

    `wording` may hold {value}, replaced by the feature's value. `group` joins features that say one thing, so
    that a reason is given once. `actionable` tells what a salesperson can change from what is context. `subjects` are
    the kinds that it is of. `by_others` marks what depends on other subjects too, such as an owner's record.
    """

    name: str
    meaning: str
    unit: str
    dtype: Literal["number", "category"]
    group: str
    actionable: bool
    wording: str
    compute: Callable[[AsOf], npt.NDArray[np.generic]]
    subjects: tuple[str, ...] = ("lead", "deal")
    by_others: bool = False


def newest(events: Events, pairs: AsOf) -> Int:
    """Row of the newest entry known at each time, -1 where there is none. Newest is by own time, then ties."""
    return pairs.known(events).newest


def oldest(events: Events, pairs: AsOf) -> Int:
    """Row of the oldest entry among those known at each time, -1 where there is none."""
    return pairs.known(events).oldest


def _read(events: Events, name: str, column: Callable[[Events], npt.NDArray[np.generic]], row: Int) -> Floats:
    """A column (m,) at rows, NaN at row -1: the column is kept with a NaN at its end."""
    padded: Floats = events.memo_of(("padded", name),
                                    lambda events: np.append(column(events).astype(np.float64), np.nan))
    return padded[row]


def _at(events: Events, row: Int) -> Floats:
    return _read(events, "at", lambda events: events.at, row)


def number(events: Events, pairs: AsOf) -> Floats:
    """Last value as a number."""
    return _read(events, "numbers", lambda events: events.numbers, newest(events, pairs))


def moment(events: Events, pairs: AsOf) -> Floats:
    """Last value of a date field, in microseconds."""
    return _read(events, "moments", lambda events: events.moments, newest(events, pairs))


def first_number(events: Events, pairs: AsOf) -> Floats:
    """First value as a number, among those known."""
    return _read(events, "numbers", lambda events: events.numbers, oldest(events, pairs))


def code(events: Events, pairs: AsOf) -> Int:
    """Last value as its position in `events.levels`, -1 where nothing is known or the field was emptied."""
    codes: Int = events.memo_of("code", lambda events: np.append(events.codes, -1))
    return codes[newest(events, pairs)]


def category(events: Events, pairs: AsOf) -> Texts:
    """Last value as text, None where nothing is known or the field was emptied."""
    return _words(events, newest(events, pairs))


def _words(events: Events, row: Int) -> Texts:
    words: Texts = events.memo_of("words", lambda events: np.append(events.value, np.array([None], dtype=object)))
    return words[row]


def at_creation(events: Events, pairs: AsOf) -> Texts:
    """The value that stood at the subject's creation, None where none had been set by then."""
    known = pairs.known(events)
    created = pairs.created_at
    row = known.each(lambda asked: _row(asked.log, asked.standing(created[asked.pair]), asked.first), -1)
    return _words(events, row)


def _row(log: Log, position: Int, first: Int) -> Int:
    """Rows of the events at positions of a log, -1 at those before the first."""
    found = position if log.row is None else log.row[position]
    return np.where(position >= first, found, -1)


def age_days(pairs: AsOf) -> Floats:
    """Days since the subject was created."""
    return (pairs.at - pairs.created_at) / DAY


def days_since_last(events: Events, pairs: AsOf) -> Floats:
    """Days since the newest entry's own time."""
    return (pairs.at - _at(events, newest(events, pairs))) / DAY


def days_since_first(events: Events, pairs: AsOf) -> Floats:
    """Days since the oldest entry's own time, among those known."""
    return (pairs.at - _at(events, oldest(events, pairs))) / DAY


def days_until(events: Events, pairs: AsOf) -> Floats:
    """Days from the time asked about to the last value of a date field; negative when it has passed."""
    return (moment(events, pairs) - pairs.at) / DAY


def count(events: Events, pairs: AsOf, window_days: float | None = None) -> Floats:
    """Number of entries known so far, or of those in the window."""
    known = pairs.known(events)
    if window_days is None:
        return (known.last - known.first + 1).astype(np.float64)
    return known.each(lambda asked: (asked.last - asked.start(window_days)).astype(np.float64), 0.0)


def total(events: Events, pairs: AsOf, window_days: float | None = None) -> Floats:
    """Sum of the entries' numbers known so far, or of those in the window; NaN where there is no number."""
    sums = pairs.known(events).each(lambda asked: asked.added("numbers", _numbers, window_days))
    return np.where(_count_numbers(events, pairs, window_days) > 0, sums, np.nan)


def mean(events: Events, pairs: AsOf, window_days: float | None = None) -> Floats:
    """Mean of the entries' numbers known so far, or of those in the window; NaN where there is no number."""
    return ratio(total(events, pairs, window_days), _count_numbers(events, pairs, window_days))


def _numbers(log: Log) -> Floats:
    return log.of(log.events.numbers)


def _count_numbers(events: Events, pairs: AsOf, window_days: float | None) -> Floats:
    return pairs.known(events).each(lambda asked: asked.running(
        "is a number", lambda log: ~np.isnan(_numbers(log)), window_days).astype(np.float64), 0.0)


def distinct(events: Events, pairs: AsOf, window_days: float | None = None) -> Floats:
    """Number of different values known so far, or of those in the window; an emptied field is no value."""
    known = pairs.known(events)
    if window_days is None:
        return known.each(lambda asked: asked.running("new value", _is_new_value).astype(np.float64), 0.0)

    def among(asked: Asked) -> Floats:
        question, position = asked.stretch(window_days)
        codes = asked.log.codes[position]
        seen = np.unique((question * len(events.levels) + codes)[codes >= 0])
        return np.bincount(seen // max(len(events.levels), 1), minlength=len(asked.first)).astype(np.float64)

    return known.each(among, 0.0)


def _is_new_value(log: Log) -> npt.NDArray[np.bool_]:
    """Whether no earlier row of the holder has the same value."""
    order = np.lexsort((log.codes, log.holder))  # stable: equal values stay in the log's order
    codes, holder = log.codes[order], log.holder[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (codes[1:] != codes[:-1]) | (holder[1:] != holder[:-1])
    found = np.empty(len(order), dtype=bool)
    found[order] = new & (codes >= 0)
    return found


def rate_of_change(events: Events, pairs: AsOf, window_days: float) -> Floats:
    """Change of the value a day over the window: last value less the one that stood at the window's start, as known
    at the time asked about; NaN where none stood then."""
    def change(asked: Asked) -> Floats:
        start = asked.start(window_days)
        numbers = asked.log.kept("numbers", _numbers)
        return np.where(start >= asked.first, numbers[asked.last] - numbers[start], np.nan) / window_days

    return pairs.known(events).each(change)


def ratio(over: Floats, under: Floats) -> Floats:
    """One number over another; NaN where either is unknown or the lower one is 0."""
    found = np.full(len(under), np.nan)
    np.divide(over, under, out=found, where=under != 0)
    return found


def compute(features: Sequence[Feature], pairs: AsOf) -> pd.DataFrame:
    """All features for all pairs: (n, len(features)), numbers as float64, categories as text with None."""
    names, order, n_texts = _layout(tuple((one.name, one.dtype) for one in features))
    numbers = np.empty((len(names) - n_texts, len(pairs)))  # a feature is a row, as the frame keeps it: no copy
    texts = np.empty((n_texts, len(pairs)), dtype=object)
    into = {"number": iter(numbers), "category": iter(texts)}
    for feature in features:
        next(into[feature.dtype])[:] = feature.compute(pairs)
    frames = [pd.DataFrame(numbers.T, copy=False), pd.DataFrame(texts.T)]
    return pd.concat(frames, axis=1, ignore_index=True).take(order, axis=1).set_axis(names, axis=1)


@lru_cache(maxsize=64)
def _layout(names: tuple[tuple[str, str], ...]) -> tuple[pd.Index, Int, int]:
    """Names of the features, where each stands once the numbers come first, and how many are texts."""
    is_text = np.array([dtype == "category" for _, dtype in names], dtype=bool)
    order = np.argsort(np.argsort(is_text, kind="stable"))
    return pd.Index([name for name, _ in names], dtype="str"), order, int(is_text.sum())
