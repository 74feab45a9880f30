"""Whether a deal will keep the day on which its rep expects it to close, and what that means exactly.

e is the end of the expected-close day as it was known, in the company's time zone. F_win, F_lose and S are the deal's
curves. All arrays are (n,); a moment that is not there is -1, a chance that nobody can state is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.asof import AsOf, moment
from features.calendar import DAY, ends_of_days, quarter_ends
from features.events import Int
from features.history import History
from features.mapping import Mapping
from training.curves import Curves

__all__ = ["NO_DATE", "Slip", "chance_of_period", "expected_close", "period_ends", "slips"]

Floats = npt.NDArray[np.float64]
NO_DATE = -1


@dataclass(frozen=True)
class Slip:
    """What the curves say of the expected close of each deal.

    on_time : F_win(e). lost_before : F_lose(e). slip : S(e), still open when the day is over. The three add up to 1.
    slip_days : days from e to the median win, given a win after e. overdue : e has passed. Of an overdue deal nothing
    can slip any more: slip is NaN, on_time and lost_before are 0. Of one without a date, or with one beyond the curves'
    end, all chances are NaN.
    """

    on_time: Floats
    lost_before: Floats
    slip: Floats
    slip_days: Floats
    overdue: npt.NDArray[np.bool_]


def expected_close(history: History, subject: Int, at: Int) -> Int:
    """e of each deal (code) as known at each time: microseconds, NO_DATE where no date was known."""
    found = moment(history.changes("deal", "expected_close"), AsOf(history, "deal", subject, at))
    end = np.full(len(subject), NO_DATE, dtype=np.int64)
    known = ~np.isnan(found)
    end[known] = ends_of_days(found[known].astype(np.int64), history.mapping.zone)
    return end


def period_ends(moments: Int, mapping: Mapping) -> Int:
    """The end of the fiscal quarter that holds each moment; NO_DATE for NO_DATE."""
    ends = quarter_ends(mapping)
    return np.where(moments == NO_DATE, NO_DATE, ends[np.searchsorted(ends, moments).clip(max=len(ends) - 1)])


def slips(curves: Curves, expected: Int) -> Slip:
    """Hold the expected close of each deal against its curves."""
    overdue = (expected != NO_DATE) & (expected <= curves.at)
    said = (expected != NO_DATE) & (expected <= curves.end)
    on_time, lost_before = (np.where(said, by(expected), np.nan) for by in (curves.win_by, curves.lose_by))
    median = curves.win_quantile(0.5, after=expected)
    return Slip(on_time, lost_before, np.where(overdue, np.nan, np.maximum(1.0 - on_time - lost_before, 0.0)),
                np.where(said & (median >= 0), (median - expected) / DAY, np.nan), overdue)


def chance_of_period(curves: Curves, expected: Int) -> Floats:
    """P(won by the end of the period that holds e); NaN without a date, where that period is over, and where it ends
    beyond the curves' end."""
    end = period_ends(expected, curves.mapping)
    return np.where((end > curves.at) & (end <= curves.end), curves.win_by(end), np.nan)
