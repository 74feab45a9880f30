"""The as-of engine: questions about many (subject, time) pairs at once.

In: an `AsOf` (one kind of subject, codes and times, both (n,)) and the `Events` of a field or an activity kind.
Out: (n,) arrays; a pair for which nothing is known yet gets NaN, never 0, except counts. A window is
(as_of - days, as_of] on the visible time: an entry counts from the moment at which it was known. No function
loops over pairs: each is a binary search plus array arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from features.history import Events, History, Int

__all__ = ["AsOf", "Feature", "Floats", "Texts", "age_days", "category", "compute", "count", "days_since_first",
           "days_since_last", "days_until", "moment", "newest", "number", "oldest", "total"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class AsOf:
    """The pairs that are asked about: `subject` codes of one `kind` and `at`, microseconds, both (n,)."""

    history: History
    kind: str
    subject: Int
    at: Int

    def changes(self, name: str, value: str | None = None) -> Events:
        return self.history.changes(self.kind, name, value)

    def activities(self, activity_kind: str = "", direction: str | None = None) -> Events:
        return self.history.activities(self.kind, activity_kind, direction)

    @property
    def created_at(self) -> Int:
        return self.history.subjects(self.kind).created_at[self.subject]

    def moved_to(self, at: Int) -> AsOf:
        """The same subjects at other times."""
        return AsOf(self.history, self.kind, self.subject, at)


@dataclass(frozen=True)
class Feature:
    """One declared feature: what it is called, what it says, how it is computed and how a reason words it.

    `wording` may hold {value}, replaced by the feature's value. `group` joins features that say one thing, so
    that a reason is given once. `actionable` tells what a salesperson can change from what is context.
    """

    name: str
    meaning: str
    unit: str
    dtype: Literal["number", "category"]
    group: str
    actionable: bool
    wording: str
    compute: Callable[[AsOf], npt.NDArray[np.generic]]


def newest(events: Events, pairs: AsOf) -> Int:
    """Row of the newest entry known at each time, -1 where there is none. Newest is by own time, then ties."""
    return _known(events, pairs, events.newest)


def oldest(events: Events, pairs: AsOf) -> Int:
    """Row of the oldest entry among those known at each time, -1 where there is none."""
    return _known(events, pairs, events.oldest)


def _known(events: Events, pairs: AsOf, row_of: Int) -> Int:
    """`row_of` the last row visible at each time, -1 where there is none."""
    last = events.position(pairs.subject, pairs.at)
    known = last >= events.start[pairs.subject]
    return np.where(known, row_of[np.maximum(last, 0)], -1) if len(events) else np.full(len(last), -1)


def number(events: Events, pairs: AsOf) -> Floats:
    """Last value as a number."""
    row = newest(events, pairs)
    return np.where(row >= 0, events.numbers[row], np.nan) if len(events) else np.full(len(row), np.nan)


def category(events: Events, pairs: AsOf) -> Texts:
    """Last value as text, None where nothing is known or the field was emptied."""
    row = newest(events, pairs)
    found = np.full(len(row), None, dtype=object)
    if len(events):
        found[row >= 0] = events.value[row[row >= 0]]
    return found


def age_days(pairs: AsOf) -> Floats:
    """Days since the subject was created."""
    return (pairs.at - pairs.created_at) / DAY


def days_since_last(events: Events, pairs: AsOf) -> Floats:
    """Days since the newest entry's own time."""
    return _days_since(events, newest(events, pairs), pairs)


def days_since_first(events: Events, pairs: AsOf) -> Floats:
    """Days since the oldest entry's own time, among those known."""
    return _days_since(events, oldest(events, pairs), pairs)


def moment(events: Events, pairs: AsOf) -> Floats:
    """Last value of a date field, in microseconds."""
    row = newest(events, pairs)
    return np.where(row >= 0, events.moments[row], np.nan) if len(events) else np.full(len(row), np.nan)


def days_until(events: Events, pairs: AsOf) -> Floats:
    """Days from the time asked about to the last value of a date field; negative when it has passed."""
    return (moment(events, pairs) - pairs.at) / DAY


def _days_since(events: Events, row: Int, pairs: AsOf) -> Floats:
    return np.where(row >= 0, (pairs.at - events.at[row]) / DAY, np.nan) if len(events) else np.full(len(row), np.nan)


def count(events: Events, pairs: AsOf, window_days: float | None = None) -> Floats:
    """Number of entries known so far, or of those in the window."""
    last, before = _range(events, pairs, window_days)
    return (last - before).astype(np.float64)


def total(events: Events, pairs: AsOf, window_days: float | None = None) -> Floats:
    """Sum of the entries' numbers known so far, or of those in the window; empty values count nothing."""
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(events.numbers))])
    last, before = _range(events, pairs, window_days)
    return np.where(last > before, sums[last + 1] - sums[before + 1], np.nan)


def _range(events: Events, pairs: AsOf, window_days: float | None) -> tuple[Int, Int]:
    first = events.start[pairs.subject] - 1
    last = np.maximum(events.position(pairs.subject, pairs.at), first)
    if window_days is None:
        return last, first
    return last, np.maximum(events.position(pairs.subject, pairs.at - int(window_days * DAY)), first)


def compute(features: list[Feature], pairs: AsOf) -> pd.DataFrame:
    """All features for all pairs: (n, len(features)), numbers as float64, categories as text with None."""
    return pd.DataFrame({feature.name: feature.compute(pairs) for feature in features},
                        index=pd.RangeIndex(len(pairs.subject)))
