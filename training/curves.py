"""Curves: P(won), P(lost) and P(still open) of many subjects at any time after a landmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.calendar import DAY, business_clock
from features.events import Int
from features.mapping import Mapping

__all__ = ["Curves", "curves_from_hazards"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Cumulative chances of n subjects over m bins, from the landmark on.

    at : (n,) landmark in microseconds. edges_days : (m + 1,) from 0 on. win, lose : (n, m + 1) cumulative, so that
    win + lose + open = 1 everywhere. Inside a bin wins spread over its business days, losses over its calendar days.
    """

    at: Int
    edges_days: Floats
    win: Floats
    lose: Floats
    mapping: Mapping

    def win_by(self, moment: Int | int) -> Floats:
        """P(won at or before each moment), (n,)."""
        left, _, business = self.place(moment)
        return self._between(self.win, left, business)

    def lose_by(self, moment: Int | int) -> Floats:
        """P(lost at or before each moment), (n,)."""
        left, calendar, _ = self.place(moment)
        return self._between(self.lose, left, calendar)

    def open_at(self, moment: Int | int) -> Floats:
        """P(still open at each moment), (n,)."""
        return 1.0 - self.win_by(moment) - self.lose_by(moment)

    @property
    def end(self) -> Int:
        """Last moment that each curve covers; after it nothing is said."""
        return self.at + int(self.edges_days[-1] * DAY)

    def win_quantile(self, level: float, after: Int | int = 0) -> Int:
        """Moment by which the share `level` of the wins after each moment `after` has come, given a win between it and
        the curve's end; -1 without any."""
        before = self.win_by(after)
        total = self.win[:, -1] - before
        moment = self._first_moment(before + level * total, lose_counts=0.0)
        return np.where(total > 1e-9, moment, -1)

    def end_quantile(self, level: float) -> Int:
        """Moment by which the subject is won or lost with probability `level`; -1 when not by the curve's end."""
        moment = self._first_moment(np.full(len(self.at), level), lose_counts=1.0)
        return np.where(self.win[:, -1] + self.lose[:, -1] >= level, moment, -1)

    def _first_moment(self, level: Floats, lose_counts: float) -> Int:
        """First moment at which win + lose_counts × lose reaches each level, or the curve's end, to the second."""
        reached = self.win + lose_counts * self.lose >= level[:, None]
        right = np.where(reached.any(axis=1), reached.argmax(axis=1), len(self.edges_days) - 1)
        left = np.maximum(right - 1, 0)
        low = self.at + (self.edges_days[left] * DAY).astype(np.int64)
        high = self.at + (self.edges_days[right] * DAY).astype(np.int64)
        span = _Span.of(low, np.maximum(high, low + 1), self.mapping)
        # As often for every subject, so that one alone gets the same moment as among others.
        widest_seconds = np.diff(self.edges_days).max() * 86_400
        for _ in range(int(np.ceil(np.log2(widest_seconds)))):
            middle = low + (high - low) // 2
            calendar, business = span.gone(middle)
            done = (self._between(self.win, left, business)
                    + lose_counts * self._between(self.lose, left, calendar)) >= level
            low, high = np.where(done, low, middle), np.where(done, middle, high)
        return high

    def place(self, moment: Int | int) -> tuple[Int, Floats, Floats]:
        """Bin of each moment (n,), the share of its calendar time that is gone, and that of its business time."""
        moment = np.clip(np.broadcast_to(np.asarray(moment, dtype=np.int64), self.at.shape), self.at, self.end)
        days = (moment - self.at) / DAY
        left = np.clip(np.searchsorted(self.edges_days, days, side="right") - 1, 0, len(self.edges_days) - 2)
        start, end = (self.at + (self.edges_days[edge] * DAY).astype(np.int64) for edge in (left, left + 1))
        return left, *_Span.of(start, end, self.mapping).gone(moment)

    @staticmethod
    def _between(curve: Floats, left: Int, share: Floats) -> Floats:
        row = np.arange(len(left))
        return curve[row, left] * (1.0 - share) + curve[row, left + 1] * share


@dataclass(frozen=True)
class _Span:
    """Stretches of time (n,), each with its business days: which share of them is gone at a moment?"""

    start: Int
    end: Int
    business_start: Floats
    business_days: Floats
    mapping: Mapping

    @staticmethod
    def of(start: Int, end: Int, mapping: Mapping) -> _Span:
        business_start = business_clock(start, mapping)
        return _Span(start, end, business_start, business_clock(end, mapping) - business_start, mapping)

    def gone(self, moment: Int) -> tuple[Floats, Floats]:
        """Shares of the calendar and of the business time; a stretch without business days goes by the calendar."""
        calendar = np.clip((moment - self.start) / (self.end - self.start), 0.0, 1.0)
        business = (business_clock(moment, self.mapping) - self.business_start) / np.maximum(self.business_days, 1e-9)
        return calendar, np.where(self.business_days > 1e-9, np.clip(business, 0.0, 1.0), calendar)


def curves_from_hazards(at: Int, edges_days: Floats, hazards: Floats, mapping: Mapping) -> Curves:
    """Turn hazards (n, m, 3: goes on, won, lost, summing to 1) into curves."""
    n = len(hazards)
    survival = np.concatenate([np.ones((n, 1)), np.cumprod(hazards[:, :, 0], axis=1)], axis=1)[:, :-1]
    start = np.zeros((n, 1))
    win = np.concatenate([start, np.cumsum(survival * hazards[:, :, 1], axis=1)], axis=1)
    lose = np.concatenate([start, np.cumsum(survival * hazards[:, :, 2], axis=1)], axis=1)
    return Curves(at, edges_days, win, lose, mapping)
