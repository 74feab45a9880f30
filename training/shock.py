"""The shared shock: how much all deals of a period move together, and what it does to their curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.events import Int
from features.settings import Settings
from training.curves import Curves
from training.hazard import HazardModel

__all__ = ["SHOCK_LEVELS", "Wins", "shock_levels", "shock_sd"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
SHOCK_LEVELS = 64  # the shock is one of this many equally likely levels, which keeps large draws cheap
AT_ONCE = 2_000  # curves that are moved at once, so that the work in between stays small


def shock_levels(sd: float) -> Floats:
    """Equally likely levels of the shared shock on the log-hazard of winning; on average it moves no hazard."""
    from scipy.stats import norm

    levels = sd * norm.ppf((np.arange(SHOCK_LEVELS) + 0.5) / SHOCK_LEVELS)
    return np.asarray(levels - np.log(np.exp(levels).mean()), dtype=np.float64)


def shock_sd(model: HazardModel, settings: Settings) -> float:
    """Spread of the shared shock: the prior, and past forecasts' squared log-errors less their own draws' variance.

    Overlapping periods count as span over length, so that the same weeks do not speak twice.
    """
    periods = [one for one in model.evaluation.get("periods", []) if one["won_count"]["actual"] > 0]
    prior, weight = settings.forecast.shock_sd**2, settings.forecast.shock_prior_periods
    if not periods:
        return float(np.sqrt(prior))
    error = np.array([np.log(one["won_count"]["actual"] / max(one["won_count"]["mean"], 0.5)) for one in periods])
    spread = np.array([(one["won_count"]["p90"] - one["won_count"]["p10"]) / 2.563 / max(one["won_count"]["mean"], 0.5)
                       for one in periods])
    length = periods[0]["to"] - periods[0]["from"]
    independent = min(len(periods), (periods[-1]["to"] - periods[0]["from"]) / length)
    # The spread of those forecasts held the prior shock already.
    excess = np.maximum(error**2 - np.maximum(spread**2 - prior, 0.0), 0.0)
    return float(np.sqrt((weight * prior + independent * excess.mean()) / (weight + independent)))


@dataclass(frozen=True)
class Wins:
    """Curves whose win hazards are moved by each level of the shock: `win` is (levels, n, m + 1), cumulative.

    Over all levels each deal's mean is its own curve, so that forecast and score say the same of it.
    """

    curves: Curves
    win: Singles

    @staticmethod
    def under(curves: Curves, shock: Floats) -> Wins:
        n, columns = curves.win.shape
        win = np.zeros((len(shock), n, columns), dtype=np.float32)
        for first in range(0, n, AT_ONCE):
            here = slice(first, first + AT_ONCE)
            win[:, here] = _moved(curves.win[here], curves.lose[here], shock)
        return Wins(curves, win)

    def between(self, start: Int | int, end: Int | int) -> Singles:
        """P(win in (start, end]) at each level, (levels, n)."""
        return np.asarray(np.clip(self._by(end) - self._by(start), 0.0, 1.0), dtype=np.float32)

    def _by(self, moment: Int | int) -> Singles:
        left, _, share = self.curves.place(moment)
        row, share = np.arange(len(left)), share.astype(np.float32)
        win = self.win[:, row, left] * (1 - share) + self.win[:, row, left + 1] * share
        return np.asarray(np.where(moment < self.curves.at, 0.0, win), dtype=np.float32)


def _moved(win: Floats, lose: Floats, shock: Floats) -> Floats:
    """Cumulative wins (n, m + 1) under each level of the shock, (levels, n, m + 1)."""
    before = np.maximum(1.0 - win - lose, 1e-12)[:, :-1]
    win_hazard, lose_hazard = np.diff(win, axis=1) / before, np.diff(lose, axis=1) / before
    moved = np.minimum(win_hazard * np.exp(shock)[:, None, None], np.maximum(0.999 - lose_hazard, 0.0))
    stays = np.clip(1.0 - moved - lose_hazard, 0.0, 1.0)
    left = np.ones_like(stays)
    left[:, :, 1:] = np.cumprod(stays, axis=2)[:, :, :-1]
    found = np.zeros((len(shock), *win.shape))
    found[:, :, 1:] = np.cumsum(left * moved, axis=2)
    # Chances rise by less than hazards: without this a larger shock would lower everybody's mean.
    mean = found.mean(axis=0)
    scale = np.divide(win, mean, out=np.ones_like(win), where=mean > 0)
    return np.asarray(np.maximum.accumulate(np.minimum(found * scale, 1.0), axis=2), dtype=np.float64)
