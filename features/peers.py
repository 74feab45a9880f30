"""Aggregates across subjects: what is known at a time of all deals or leads of a group, an owner's or an account's.

A `Tally` follows every subject through the moments at which something became known of it: its group, whether it is
open, won or lost, how long it took. Whenever one of these becomes another, the group's totals change from that moment
on, so a total at T is what was known at T of all subjects, whatever became known later. A `Spread` does the same for a
number of each subject, and tells which share of the numbers that counted at T lie at or below a given one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from features.asof import Floats, ratio
from features.events import Events, Int, Rows
from features.history import History
from features.known import AsOf

__all__ = ["PRIOR_ENDS", "Spread", "Tally", "shrunk", "spread", "tally", "turning_points"]

Group = Callable[[AsOf], Int]  # the code of each pair's group, -1 where it has none
Flags = npt.NDArray[np.bool_]

PRIOR_ENDS = 10.0  # a group's rate counts as much as the pool's once so many of its subjects have ended


def turning_points(history: History, kind: str, streams: list[Events]) -> AsOf:
    """Every moment at which a row of one of the streams became known of a subject, and at which the subject did."""
    subjects = history.subjects(kind)
    subject = np.concatenate([np.arange(len(subjects)), *(events.subject for events in streams)])
    at = np.concatenate([subjects.visible_at, *(events.visible for events in streams)])
    # Before a subject is known itself, nothing counts of it.
    at = np.maximum(at, subjects.visible_at[subject])
    order = np.lexsort((at, subject))
    subject, at = subject[order], at[order]
    new = np.ones(len(at), dtype=bool)
    new[1:] = (subject[1:] != subject[:-1]) | (at[1:] != at[:-1])
    return AsOf(history, kind, subject[new], at[new])


@dataclass(frozen=True)
class Tally:
    """Totals of groups over time. rows : (m,) a group's code and the time from which its totals stand. totals :
    (measures, m + 1), the last of them 0, for before everything."""

    rows: Rows
    totals: Int

    def at(self, group: Int, at: Int) -> Int:
        """Totals (measures, n) of each pair's group; 0 for a group that nothing is known of."""
        position = self.rows.position(group, at)
        return self.totals[:, np.where(self._group[position] == group, position, -1)]

    @cached_property
    def _group(self) -> Int:
        return np.append(self.rows.subject, -1)


def tally(points: AsOf, group: Group, measures: Callable[[AsOf], Int]) -> Tally:
    """Totals of whole-number measures (measures, m) by group, over all subjects that the points follow."""
    owner, at, change = _changes(points, group(points), measures(points))
    order = np.lexsort((at, owner))
    owner, at, change = owner[order], at[order], change[:, order]
    last = np.ones(len(at), dtype=bool)
    last[:-1] = (owner[1:] != owner[:-1]) | (at[1:] != at[:-1])
    # Changes of the same moment count together; whole numbers, so that other groups cancel to the last digit.
    sums = np.cumsum(change, axis=1)
    start = np.searchsorted(owner, owner[last])
    totals = sums[:, last] - np.where(start > 0, sums[:, start - 1], 0)
    return Tally(Rows(owner[last], at[last]),
                 np.concatenate([totals, np.zeros((len(change), 1), dtype=np.int64)], axis=1))


def _changes(points: AsOf, code: Int, amount: Int) -> tuple[Int, Int, Int]:
    """Each point's arrival in its group and the departure of the point before it, as (group, time, amounts)."""
    same = (code[1:] == code[:-1]) & (amount[:, 1:] == amount[:, :-1]).all(axis=0)
    arrives, departs = _arrivals(points, code, same)
    return (np.concatenate([code[arrives], code[:-1][departs]]),
            np.concatenate([points.at[arrives], points.at[1:][departs]]),
            np.concatenate([amount[:, arrives], -amount[:, :-1][:, departs]], axis=1))


def _arrivals(points: AsOf, code: Int, same: Flags) -> tuple[Flags, Flags]:
    """Which points bring their subject into its group, (m,), and at which of the others it leaves that of the point
    before, (m - 1,); `same` (m - 1,) where nothing became another."""
    follows = points.subject[1:] == points.subject[:-1]
    arrives, departs = code >= 0, (code[:-1] >= 0) & follows & ~same
    arrives[1:] &= ~(follows & same)
    return arrives, departs


def shrunk(part: Floats, whole: Floats, pool: Floats, prior: float = PRIOR_ENDS) -> Floats:
    """A group's rate drawn towards the pool's: (part + prior x pool) / (whole + prior); NaN while the pool has none."""
    return ratio(part + prior * pool, whole + prior)


@dataclass(frozen=True)
class Spread:
    """Numbers that count from a time on, and others that no longer do; to be asked for shares.

    A wavelet tree over the rows in the order of time: at each level the rows' weights are summed for those whose
    number's rank has a 0 at that bit, and the rows go on, the 0s before the 1s.
    """

    at: Int
    sizes: Floats  # distinct numbers, sorted
    zeros: list[Int]  # per level, highest bit first: rows with a 0 before each position (m + 1,)
    weights: list[Int]  # per level: weight of the rows with a 0 before each position (m + 1,)
    total: Int  # (m + 1,) weight of all rows before each position

    def share_at_or_below(self, at: Int, size: Floats) -> Floats:
        """Share of the numbers that count at each time and are at or below a size (n,); NaN where none counts or the
        size is unknown."""
        end = self.at.searchsorted(at, side="right")
        below = self._weight_below(end, np.searchsorted(self.sizes, size, side="right"))
        found = ratio(below.astype(np.float64), self.total[end].astype(np.float64))
        return np.where(np.isnan(size), np.nan, found)

    def _weight_below(self, end: Int, rank: Int) -> Int:
        """Weight of the rows before `end` whose number's rank is below `rank`, (n,)."""
        found = np.zeros(len(end), dtype=np.int64)
        rows = np.stack([np.zeros_like(end), end])  # at each level, those from the first of these to the second
        for level, (zeros, weights) in enumerate(zip(self.zeros, self.weights, strict=True)):
            one = (rank & (1 << (len(self.zeros) - 1 - level))) != 0
            before, weight = zeros[rows], weights[rows]
            found += one * (weight[1] - weight[0])
            rows = np.where(one, rows + (zeros[-1] - before), before)
        return np.where(rank >= len(self.sizes), self.total[end], found)


def spread(points: AsOf, size: Callable[[AsOf], Floats]) -> Spread:
    """The numbers of all subjects over time; a subject whose number is NaN does not count."""
    number = size(points)
    counts = np.where(np.isnan(number), -1, 0)
    arrives, departs = _arrivals(points, counts, (counts[1:] == counts[:-1]) & (number[1:] == number[:-1]))
    at = np.concatenate([points.at[arrives], points.at[1:][departs]])
    sizes, rank = np.unique(np.concatenate([number[arrives], number[:-1][departs]]), return_inverse=True)
    weight = np.repeat(np.array([1, -1]), [arrives.sum(), departs.sum()])
    order = np.argsort(at, kind="stable")
    at, rank, weight = at[order], rank[order], weight[order]
    total = _before(weight)
    zeros, weights = [], []
    for bit in range(max(len(sizes) - 1, 1).bit_length() - 1, -1, -1):
        is_zero = (rank >> bit) & 1 == 0
        zeros.append(_before(is_zero))
        weights.append(_before(np.where(is_zero, weight, 0)))
        order = np.argsort(~is_zero, kind="stable")
        rank, weight = rank[order], weight[order]
    return Spread(at, sizes, zeros, weights, total)


def _before(column: npt.NDArray[np.generic]) -> Int:
    return np.concatenate([[0], np.cumsum(column, dtype=np.int64)])
