"""Aggregates across subjects: what is known at a time of all deals or leads of a group, an owner's or an account's.

A `Tally` follows every subject through the moments at which something became known of it: its group, whether it is
open, won or lost, how long it took. Whenever one of these becomes another, the group's totals change from that moment
on, so a total at T is what was known at T of all subjects, whatever became known later. A `Spread` does the same for a
number of each subject, and tells which share of the numbers that counted at T lie at or below a given one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import Floats, Texts, ratio
from features.history import Events, History, Int, Rows
from features.known import AsOf

__all__ = ["PRIOR_ENDS", "Spread", "Tally", "shrunk", "spread", "tally", "turning_points"]

Group = Callable[[AsOf], Texts]
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
    """Totals of groups over time. levels : the groups' names, sorted. rows : (m,) a group's code and the time from
    which its totals stand. totals : (measures, m + 1), the last of them 0, for before everything."""

    levels: pd.Index
    rows: Rows
    start: Int
    totals: Int

    def at(self, group: Texts, at: Int) -> Int:
        """Totals (measures, n) of each pair's group; 0 for a group that nothing is known of."""
        code = self.levels.get_indexer(pd.Index(group, dtype=object)).astype(np.int64)
        return self.at_code(code, at)

    def at_code(self, code: Int, at: Int) -> Int:
        position = self.rows.position(code, at)
        there = (code >= 0) & (code < len(self.levels))
        there[there] = (position >= self.start[np.where(there, code, 0)])[there]
        return self.totals[:, np.where(there, position, -1)]


def tally(points: AsOf, group: Group, measures: Callable[[AsOf], Int]) -> Tally:
    """Totals of whole-number measures (measures, m) by group, over all subjects that the points follow."""
    code, levels = pd.factorize(group(points), sort=True)
    owner, at, change = _changes(points, code.astype(np.int64), measures(points))
    order = np.lexsort((at, owner))
    owner, at, change = owner[order], at[order], change[:, order]
    last = np.ones(len(at), dtype=bool)
    last[:-1] = (owner[1:] != owner[:-1]) | (at[1:] != at[:-1])
    # Changes of the same moment count together; whole numbers, so that other groups cancel to the last digit.
    sums = np.cumsum(change, axis=1)
    start_all = np.searchsorted(owner, np.arange(len(levels)))
    base = np.where(start_all > 0, sums[:, start_all - 1], 0) if len(at) else sums
    totals = sums[:, last] - base[:, owner[last]]
    owner, at = owner[last], at[last]
    return Tally(pd.Index(levels, dtype=object), Rows(owner, at), np.searchsorted(owner, np.arange(len(levels) + 1)),
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
    """Numbers that count from a time on, and others that no longer do, by group; to be asked for shares.

    A wavelet tree over the rows in the order of (group, time): at each level the rows' weights are summed for those
    whose number's rank has a 0 at that bit, and the rows go on, the 0s before the 1s.
    """

    levels: pd.Index
    rows: Rows
    start: Int
    sizes: Floats  # distinct numbers, sorted
    zeros: list[Int]  # per level, highest bit first: rows with a 0 before each position (m + 1,)
    weights: list[Int]  # per level: weight of the rows with a 0 before each position (m + 1,)
    total: Int  # (m + 1,) weight of all rows before each position

    def share_at_or_below(self, group: Texts, at: Int, size: Floats) -> Floats:
        """Share of the numbers that count at each time in each group and are at or below a size (n,); NaN where none
        counts or the size is unknown."""
        code = self.levels.get_indexer(pd.Index(group, dtype=object)).astype(np.int64)
        first = self.start[np.maximum(code, 0)]
        end = np.where(code >= 0, np.maximum(self.rows.position(code, at) + 1, first), first)
        below = self._weight_below(first, end, np.searchsorted(self.sizes, size, side="right"))
        found = ratio(below.astype(np.float64), (self.total[end] - self.total[first]).astype(np.float64))
        return np.where(np.isnan(size), np.nan, found)

    def _weight_below(self, first: Int, end: Int, rank: Int) -> Int:
        """Weight of the rows in [first, end) whose number's rank is below `rank`, (n,)."""
        everything = rank >= len(self.sizes)
        found = np.zeros(len(first), dtype=np.int64)
        low, high = first, end
        for level, (zeros, weights) in enumerate(zip(self.zeros, self.weights, strict=True)):
            one = (rank >> (len(self.zeros) - 1 - level)) & 1 == 1
            found += np.where(one, weights[high] - weights[low], 0)
            low = np.where(one, zeros[-1] + low - zeros[low], zeros[low])
            high = np.where(one, zeros[-1] + high - zeros[high], zeros[high])
        return np.where(everything, self.total[end] - self.total[first], found)


def spread(points: AsOf, group: Group, size: Callable[[AsOf], Floats]) -> Spread:
    """The numbers of all subjects by group, over time; a subject whose number is NaN does not count."""
    number = size(points)
    names = group(points)
    names[np.isnan(number)] = None
    codes, levels = pd.factorize(names, sort=True)
    code = codes.astype(np.int64)
    arrives, departs = _arrivals(points, code, (code[1:] == code[:-1]) & (number[1:] == number[:-1]))
    owner = np.concatenate([code[arrives], code[:-1][departs]])
    at = np.concatenate([points.at[arrives], points.at[1:][departs]])
    sizes, rank = np.unique(np.concatenate([number[arrives], number[:-1][departs]]), return_inverse=True)
    weight = np.repeat(np.array([1, -1]), [arrives.sum(), departs.sum()])
    order = np.lexsort((at, owner))
    owner, at, rank, weight = owner[order], at[order], rank[order], weight[order]
    total = _before(weight)
    zeros, weights = [], []
    for bit in range(max(len(sizes) - 1, 1).bit_length() - 1, -1, -1):
        is_zero = (rank >> bit) & 1 == 0
        zeros.append(_before(is_zero))
        weights.append(_before(np.where(is_zero, weight, 0)))
        order = np.argsort(~is_zero, kind="stable")
        rank, weight = rank[order], weight[order]
    return Spread(pd.Index(levels, dtype=object), Rows(owner, at), np.searchsorted(owner, np.arange(len(levels) + 1)),
                  sizes, zeros, weights, total)


def _before(column: npt.NDArray[np.generic]) -> Int:
    return np.concatenate([[0], np.cumsum(column, dtype=np.int64)])
