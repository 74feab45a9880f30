"""Events: one field's changes, or one kind's activities, sorted for as-of questions.

A row counts at T once both its own time and its `known_at` are at or before T; the later of the two is called its
visible time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.rates import worth

__all__ = ["Events", "Int", "Keys", "Rows", "keys", "sort_events"]

Int = npt.NDArray[np.int64]
Keys = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Rows:
    """Rows sorted by (subject, at), to be searched; both (n,)."""

    subject: Int
    at: Int

    @cached_property
    def keys(self) -> Keys:
        return keys(self.subject, self.at)

    def position(self, subject: Int, at: Int) -> Int:
        """Position of the last row of each subject at or before a time; before the subject's first where none is."""
        return self.keys.searchsorted(keys(subject, at), side="right") - 1


def keys(subject: Int, at: Int) -> Keys:
    """Subjects and times in one number each, which compare as (subject, time) do: numpy orders complex numbers by their
    real part, then by the other. A float holds every microsecond from 1684 to 2255, and beyond keeps their order."""
    found = np.empty(len(subject), dtype=np.complex128)
    found.real, found.imag = subject, at
    return found


@dataclass(frozen=True)
class Events:
    """Rows about subjects: one field's changes or one kind's activities, sorted for as-of questions.

    subject : (n,) codes, ascending. at : (n,) own time. visible : (n,) time from which the row counts.
    newness : (n,) orders a subject's rows by (own time, sequence, ties). newest : (n,) for each row, the position of
    the newest row among the subject's rows up to it; this is what makes a back-dated entry correct at every T.
    value : (n,) text or None. start : (subjects + 1,) offsets of each subject's rows.
    Rows of a subject stand by visible time, or by own time alone when `by_own_time`.
    """

    subject: Int
    at: Int
    visible: Int
    newness: Int = field(repr=False)
    value: npt.NDArray[np.object_]
    newest: Int = field(repr=False)
    start: Int = field(repr=False)
    by_own_time: bool
    # Of amounts: the table of rates, and the currency that amounts of other currencies are converted to.
    rates: tuple[pd.DataFrame, str] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.subject)

    def position(self, subject: Int, as_of: Int) -> Int:
        """Position of the last row at or before `as_of` for each pair; below `start[subject]` when there is none."""
        return self.rows.position(subject, as_of)

    @cached_property
    def rows(self) -> Rows:
        """The rows by the time in whose order they stand."""
        return Rows(self.subject, self.at if self.by_own_time else self.visible)

    def where(self, keep: npt.NDArray[np.bool_]) -> Events:
        """The same, of only those rows for which `keep` is true."""
        return replace(sort_events(self.subject[keep], self.at[keep], self.visible[keep], self.newness[keep],
                                   self.value[keep], len(self.start) - 1, by_own_time=self.by_own_time),
                       rates=self.rates)

    def as_true(self) -> Events:
        """The same rows sorted by their own time alone: when it became so, whenever that was known."""
        return replace(sort_events(self.subject, self.at, self.visible, self.newness, self.value, len(self.start) - 1,
                                   by_own_time=True), rates=self.rates)

    @cached_property
    def in_order(self) -> bool:
        """Whether no row came after a newer one, so that each is the newest up to itself."""
        return bool((self.newest == np.arange(len(self))).all())

    @cached_property
    def oldest(self) -> Int:
        """(n,) for each row, the position of the oldest row among the subject's rows up to it."""
        if self.in_order:
            return self.start[self.subject]
        return _running_last(-self.newness, self.subject)

    @cached_property
    def _memo(self) -> dict[Any, Any]:
        return {}

    def memo_of(self, key: Any, make: Callable[[Events], Any]) -> Any:
        """What `make` gives for these rows, made once; `key` tells it from all else."""
        if key not in self._memo:
            self._memo[key] = make(self)
        return self._memo[key]

    @cached_property
    def _coded(self) -> tuple[Int, npt.NDArray[np.object_]]:
        codes, levels = pd.factorize(self.value, sort=True)
        return codes.astype(np.int64), np.asarray(levels, dtype=object)

    @property
    def codes(self) -> Int:
        """Values as positions in `levels` (n,); -1 where the value is empty."""
        return self._coded[0]

    @property
    def levels(self) -> npt.NDArray[np.object_]:
        """The distinct values, sorted."""
        return self._coded[1]

    @cached_property
    def numbers(self) -> npt.NDArray[np.float64]:
        """Values as numbers (n,), amounts in minor units of the company's currency; NaN where the value is empty, or
        in a currency of which no rate was known by then."""
        if self.rates is not None:
            return worth(pd.Series(self.value, dtype=object), self.at, self.visible, *self.rates)
        return pd.to_numeric(pd.Series(self.value, dtype=object), errors="coerce").to_numpy(np.float64)

    @cached_property
    def moments(self) -> npt.NDArray[np.float64]:
        """Values of a date field (n,), ISO text in UTC, as microseconds; NaN where the value is empty."""
        parsed = pd.DatetimeIndex(pd.to_datetime(pd.Index(self.value, dtype=object), utc=True, format="ISO8601",
                                                 errors="coerce")).as_unit("us")
        return np.where(parsed.isna(), np.nan, parsed.asi8.astype(np.float64))


def sort_events(subject: Int, at: Int, visible: Int, newness: Int, value: npt.NDArray[np.object_], n_subjects: int,
                *, by_own_time: bool = False) -> Events:
    """Rows as Events, sorted for as-of questions; `newness` orders a subject's rows, as there."""
    order = np.lexsort((newness, at if by_own_time else visible, subject))
    subject, at, visible, newness = subject[order], at[order], visible[order], newness[order]
    value = value[order]
    start = np.searchsorted(subject, np.arange(n_subjects + 1))
    newest = _running_last(newness, subject)
    for column in (subject, at, visible, newness, value, newest, start):
        column.flags.writeable = False
    return Events(subject, at, visible, newness, value, newest, start, by_own_time)


def _running_last(order: Int, subject: Int) -> Int:
    """For each row, the position of the row that is last by `order` among its subject's rows up to it."""
    if ((order[1:] > order[:-1]) | (subject[1:] != subject[:-1])).all():
        return np.arange(len(subject))  # they stand in that order
    ordered = np.lexsort((order, subject))
    rank = np.empty(len(subject), dtype=np.int64)
    rank[ordered] = np.arange(len(subject))
    # Ranks grow from subject to subject, so a running maximum over all rows never reaches into the subject before.
    return ordered[np.maximum.accumulate(rank)] if len(subject) else rank
