"""What the log of a subject says at a time: the one place that knows of late entries.

In: `AsOf`, (subject, time) pairs; `Events`, the rows of a field or an activity kind. Out: `Known`, which rows each pair
knows, in the order in which things became so (own time, sequence, ties). A row is known at T once its visible time, the
later of its own time and its known_at, is at or before T.

The easy case: a subject's rows became known in the order in which they became so. Then what is known at T is a stretch
of the rows as they stand, found by one search, and whatever runs along the rows (a sum, the stage before) is computed
once for all rows and read at the stretch's end. The other case: by T some row had come late, with a time before that of
a row already there. Then the rows known at T are laid out anew in their own order, once for each such state of the log,
and the same arithmetic runs over them. `Known.each` answers both and puts the answers together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from features.events import Events, Int, Keys, Rows, keys
from features.history import History

__all__ = ["AsOf", "Asked", "Known", "Log"]

Column = npt.NDArray[Any]
FEW = 8  # below so many rows for each pair, the rows are sorted into the pairs, else each pair is searched for


@dataclass(frozen=True)
class AsOf:
    """The pairs that are asked about: `subject` codes of one `kind` and `at`, microseconds, both (n,)."""

    history: History
    kind: str
    subject: Int
    at: Int
    # What was found for these pairs: of Events by identity (their Known holds them, so that no other takes its place).
    memo: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.subject)

    def changes(self, name: str, value: str | None = None) -> Events:
        return self.history.changes(self.kind, name, value)

    def activities(self, activity_kind: str = "", direction: str | None = None) -> Events:
        return self.history.activities(self.kind, activity_kind, direction)

    @cached_property
    def created_at(self) -> Int:
        return self.history.subjects(self.kind).created_at[self.subject]

    def moved_to(self, at: Int) -> AsOf:
        """The same subjects at other times."""
        return AsOf(self.history, self.kind, self.subject, at)

    def known(self, events: Events) -> Known:
        """What these pairs know of the rows."""
        found: Known = self.kept(id(events), lambda: Known(events, self))
        return found

    def kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives for these pairs, made once; `key` tells it from all else."""
        if key not in self.memo:
            self.memo[key] = make()
        return self.memo[key]

    def position(self, rows: Rows, earlier: int = 0) -> Int:
        """Position of the last row at or before each pair's time, less `earlier` microseconds; it lies before the
        subject's first row where there is none."""
        if FEW * len(self) <= len(rows.at) or not len(rows.at):
            asked: Keys = self.kept(("keys", earlier), lambda: keys(self.subject, self.at - earlier))
            return rows.keys.searchsorted(asked, side="right") - 1
        # Both sides sorted by (subject, time): the rows before a pair are counted as the rows are sorted in.
        sorted_keys: Keys = self.kept(("sorted keys", earlier), lambda: self._sorted_keys(earlier))
        before = np.bincount(sorted_keys.searchsorted(rows.keys), minlength=len(self) + 1)
        sorted_position = np.cumsum(before[:-1]) - 1
        return sorted_position if self._rank is None else sorted_position[self._rank]

    @cached_property
    def _order(self) -> Int | None:
        """The pairs' order by (subject, time), None where they stand so."""
        one, other = self.subject[:-1], self.subject[1:]
        if ((one < other) | ((one == other) & (self.at[:-1] <= self.at[1:]))).all():
            return None
        return np.argsort(keys(self.subject, self.at))

    @cached_property
    def _rank(self) -> Int | None:
        """Each pair's place in that order."""
        if self._order is None:
            return None
        rank = np.empty_like(self._order)
        rank[self._order] = np.arange(len(rank))
        return rank

    def _sorted_keys(self, earlier: int) -> Keys:
        key = keys(self.subject, self.at - earlier)
        return key if self._order is None else key[self._order]


@dataclass(frozen=True)
class Log:
    """Rows of an `Events` in their own order, holder by holder. `row` is which rows, None for all as they stand.

    In the Events as they stand, what runs along the rows is right up to a subject's first late row, and is read no
    further than that.
    """

    events: Events
    holder: Int
    row: Int | None = None
    memo: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.holder)

    def of(self, column: Column) -> Column:
        """A column of the Events, (m,), for these rows."""
        return column if self.row is None else column[self.row]

    @property
    def at(self) -> Int:
        return self.of(self.events.at)

    @property
    def codes(self) -> Int:
        """The values' codes (m,), -1 where a field was emptied; `events.levels` has their words."""
        return self.of(self.events.codes)

    @cached_property
    def follows(self) -> npt.NDArray[np.bool_]:
        """Whether the row before is the same holder's, (m,)."""
        found = np.zeros(len(self), dtype=bool)
        found[1:] = self.holder[1:] == self.holder[:-1]
        return found

    def before(self, column: Column, nothing: Any) -> Column:
        """What each row's predecessor has in a column (m,), `nothing` for a holder's first row."""
        found = np.full(len(column), nothing, dtype=column.dtype)
        found[1:] = np.where(self.follows[1:], column[:-1], nothing)
        return found

    def kept(self, key: Any, make: Callable[[Log], Any]) -> Any:
        """What `make` gives for this log, made once; `key` tells it from all else."""
        if key not in self.memo:
            self.memo[key] = make(self)
        return self.memo[key]

    @cached_property
    def rows(self) -> Rows:
        """The rows by their own time. Past a late row the greatest own time so far stands in: nobody asks there."""
        if self.row is not None:
            return Rows(self.holder, self.at)
        if (self.events.at == self.events.visible).all():
            return self.events.rows
        times, rank = np.unique(self.at, return_inverse=True)
        highest = np.maximum.accumulate(self.holder * len(times) + rank)
        return Rows(self.holder, times[highest - self.holder * len(times)])


@dataclass(frozen=True)
class Asked:
    """Questions of a log, each (k,): it knows the rows from `first` to `last`, where `last` is below `first` if none,
    and is asked about the time `at`. `pair` is which of all pairs they are. `search` finds the last row at or before
    that time less so many microseconds."""

    log: Log
    pair: Int | slice
    first: Int
    last: Int
    at: Int
    search: Callable[[int], Int] = field(repr=False)
    memo: dict[float, Int] = field(default_factory=dict, repr=False, compare=False)

    def start(self, window_days: float | None) -> Int:
        """Position before the first known row whose own time lies in the window (at - days, at], or before all."""
        if window_days is None:
            return self.first - 1
        if window_days not in self.memo:
            found = self.search(int(window_days * DAY))
            self.memo[window_days] = np.minimum(np.maximum(found, self.first - 1), self.last)
        return self.memo[window_days]

    def standing(self, moment: Int) -> Int:
        """Position of the last known row whose own time lies at or before a moment (k,); before `first` if none."""
        found = self.log.rows.position(self.log.holder[self.last], moment)
        return np.minimum(np.maximum(found, self.first - 1), self.last)

    def running(self, key: Any, mark: Callable[[Log], Column], window_days: float | None = None) -> Int:
        """Sum of whole-number marks (m,) over the rows in the window, exact however long the log."""
        sums: Int = self.log.kept(("sum", key), lambda log: _running_sum(mark(log)))
        return sums[self.last + 1] - sums[self.start(window_days) + 1]


    def added(self, key: Any, column: Callable[[Log], Column], window_days: float | None = None) -> Column:
        """Sum of a column of any numbers over the rows in the window; NaN counts nothing."""
        sums = self.log.kept(("added", key), lambda log: _holders_sums(log, column(log)))
        start = self.start(window_days)
        before = np.where(start >= self.first, sums[start], 0.0)
        return np.asarray(sums[self.last] - before)

    def stretch(self, window_days: float | None = None) -> tuple[Int, Int]:
        """Every known row in the window, question by question: (number of the question, position of the row)."""
        start = self.start(window_days)
        length = np.maximum(self.last - start, 0)
        question = np.repeat(np.arange(len(length)), length)
        within = np.arange(len(question)) - np.repeat(np.cumsum(length) - length, length)
        return question, start[question] + 1 + within


def _holders_sums(log: Log, column: Column) -> Column:
    # Each holder's sums start anew, so that rounding never depends on other subjects' rows.
    sums = pd.Series(np.nan_to_num(column)).groupby(log.holder).cumsum()
    return sums.to_numpy(np.float64)


def _running_sum(mark: Column) -> Int:
    # Whole numbers, so that what other subjects' rows add cancels to the last digit.
    return np.concatenate([[0], np.cumsum(mark, dtype=np.int64)])


@dataclass(frozen=True)
class Known:
    """What the pairs know of the rows of an `Events`."""

    events: Events
    pairs: AsOf

    @cached_property
    def first(self) -> Int:
        return self.events.start[self.pairs.subject]

    @cached_property
    def last(self) -> Int:
        """Position of the last row to become known, (n,); below `first` where none is."""
        return self.pairs.position(self.events.rows)

    @cached_property
    def none(self) -> npt.NDArray[np.bool_]:
        """Where nothing is known, (n,)."""
        return self.last < self.first

    @cached_property
    def newest(self) -> Int:
        """Row of the newest entry by own time, then ties, (n,); -1 where nothing is known."""
        return np.where(self.none, -1, self.last) if self.events.in_order else self._row_of(self.events.newest)

    @cached_property
    def oldest(self) -> Int:
        """Row of the oldest entry among those known, (n,); -1 where nothing is known."""
        return self._row_of(self.events.oldest)

    def _row_of(self, row: Int) -> Int:
        if not len(self.events):
            return self.last
        found = row[self.last]
        found[self.none] = -1
        return found

    def each(self, ask: Callable[[Asked], Column], nothing: Any = np.nan) -> Column:
        """Answers of `ask` for all pairs (n,), `nothing` where nothing is known. `ask` must cope with such pairs and
        with pairs whose rows stand in another order than their own; what it says of them is not used."""
        if not len(self.events):
            return np.full(len(self.pairs), nothing)
        found = ask(self._in_order)
        if (late := self._late) is not None:
            found[late[0]] = ask(late[1])
        found[self.none] = nothing
        return found

    @cached_property
    def _in_order(self) -> Asked:
        log: Log = self.events.memo_of(Log, lambda events: Log(events, events.subject))
        return Asked(log, slice(None), self.first, self.last, self.pairs.at,
                     lambda earlier: self.pairs.position(log.rows, earlier))

    @cached_property
    def _late(self) -> tuple[Int, Asked] | None:
        """The pairs whose known rows do not stand in their own order, and the questions of those rows laid out anew:
        once for each last row, since pairs with the same last row know the same."""
        disordered: npt.NDArray[np.bool_] = self.events.memo_of("disordered", _disordered)
        late = np.flatnonzero(disordered[self.last] & ~self.none)
        if not len(late):
            return None
        end, holder_of = np.unique(self.last[late], return_inverse=True)
        begin = self.events.start[self.events.subject[end]]
        length = end - begin + 1
        stop = np.cumsum(length)
        holder = np.repeat(np.arange(len(end)), length)
        row = np.arange(stop[-1]) + (begin - (stop - length))[holder]
        row = row[np.lexsort((self.events.newness[row], holder))]
        log = Log(self.events, holder, row)
        last = stop[holder_of] - 1
        at = self.pairs.at[late]
        return late, Asked(log, late, last + 1 - length[holder_of], last, at,
                           lambda earlier: log.rows.position(holder_of, at - earlier))


def _disordered(events: Events) -> npt.NDArray[np.bool_]:
    """Whether any row of the subject up to each row, (n,), came after a newer one."""
    late = np.concatenate([[0], np.cumsum(events.newest != np.arange(len(events)))])
    return np.asarray(late[1:] > late[events.start[events.subject]])
