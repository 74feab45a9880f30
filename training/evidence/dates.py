"""When deals close: ours and plain ways to say it, as quantiles of days.

Two questions are asked of each deal that is open at an origin, over the days to the period's end. When is it resolved,
won or lost? One that outlasts the period counts as its whole length, in what is said and in what came. And when is it
won, of those that are won in the period? In: curves and `plain_forecasts.Past`. Out: days (n, 3) at
`distributions.DEAL_LEVELS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from features.events import Int
from training.curves import Curves
from training.evidence.distributions import DEAL_LEVELS
from training.evidence.plain_forecasts import Past
from training.outcomes import WON

__all__ = ["DATE_NAMES", "closing_days", "kaplan_meier", "raw_resolution", "raw_win", "rep_days", "resolution_days",
           "win_days"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
DATE_NAMES = {"raw": "quantiles of earlier deals, by stage", "aj": "Aalen–Johansen by stage and days in it",
              "aj_stage": "Aalen–Johansen by stage", "kaplan_meier": "Kaplan–Meier by stage, losses censored",
              "rep": "the rep's expected date"}
FEWEST = 20  # deals of a stage for quantiles of its own; else those of all


def resolution_days(curves: Curves, days: float) -> Floats:
    """Days until won or lost, cut at the period's length."""
    found = [curves.end_quantile(level) for level in DEAL_LEVELS]
    cut = [np.where(when >= 0, (when - curves.at) / DAY, days) for when in found]
    return np.asarray(np.minimum(np.stack(cut, axis=1), days), dtype=np.float64)


def win_days(curves: Curves, days: float) -> Floats:
    """Days until won, given a win in the period."""
    inside, end = curves.edges_days < days, curves.at + round(days * DAY)
    cut = replace(curves, edges_days=np.append(curves.edges_days[inside], days),
                  win=np.column_stack([curves.win[:, inside], curves.win_by(end)]),
                  lose=np.column_stack([curves.lose[:, inside], curves.lose_by(end)]))
    found = [(cut.win_quantile(level) - curves.at) / DAY for level in DEAL_LEVELS]
    return np.clip(np.stack(found, axis=1), 0.0, days)


def raw_resolution(past: Past, asked: pd.Series) -> Floats:
    """Quantiles of how long open deals of the same stage took, of stretches that had passed by the origin."""
    rows = np.flatnonzero(past.over(past.origin))
    days = closing_days(past.at, past.when, past.days)[rows]
    return _each_stage(past, rows, asked, lambda here: np.quantile(days[here], DEAL_LEVELS))


def raw_win(past: Past, asked: pd.Series) -> Floats:
    """The same of deals that were won in their stretch."""
    rows = np.flatnonzero(past.over(past.origin) & past.won_inside)
    days = closing_days(past.at, past.when, past.days)[rows]
    return _each_stage(past, rows, asked, lambda here: np.quantile(days[here], DEAL_LEVELS))


def kaplan_meier(past: Past, asked: pd.Series) -> Floats:
    """A curve for each stage of the days to a win, lost and open deals censored (Kaplan & Meier 1958), given a win in
    the period."""
    rows = np.flatnonzero(past.at < past.origin)
    gone = (np.minimum(past.when, past.origin) - past.at)[rows] / DAY
    is_win = (past.state == WON)[rows] & (past.when[rows] <= past.origin)
    return _each_stage(past, rows, asked, lambda here: _win_quantiles(gone[here], is_win[here], past.days))


def _win_quantiles(gone: Floats, is_win: npt.NDArray[np.bool_], days: float) -> Floats:
    times, code = np.unique(gone, return_inverse=True)
    ended, wins = np.bincount(code), np.bincount(code, weights=is_win)
    at_risk = len(gone) - np.cumsum(ended) + ended
    won = (1.0 - np.cumprod(1.0 - wins / at_risk))[times <= days]
    if not len(won) or won[-1] <= 0:
        return days * DEAL_LEVELS
    return np.asarray(times[np.searchsorted(won, DEAL_LEVELS * won[-1])], dtype=np.float64)


def rep_days(due: Floats, origin: int, days: float) -> Floats:
    """The rep's expected date, without any width; the period's end where it lies beyond or is not known."""
    left = np.nan_to_num((due - origin) / DAY, nan=days)
    return np.repeat(np.clip(left, 0.0, days)[:, None], len(DEAL_LEVELS), axis=1)


def closing_days(at: Int, when: Int, days: float) -> Floats:
    """Days from a moment to an end, (n,), cut at `days`."""
    return np.minimum((np.minimum(when, at + round(days * DAY)) - at) / DAY, days)


def _each_stage(past: Past, rows: Int, asked: pd.Series, quantiles: Callable[[Bools], Floats]) -> Floats:
    """Quantiles (k, 3) for each asked stage, from those of `rows` (n,) that stand there; `quantiles` is given which of
    them count. A stage with fewer than FEWEST speaks with the voice of all."""
    if not len(rows):
        return np.tile(past.days * DEAL_LEVELS, (len(asked), 1))
    stage, named = (one.astype(object).where(one.notna(), "(none)").to_numpy(object)
                    for one in (past.stage.iloc[rows], asked))
    found = np.tile(quantiles(np.ones(len(rows), dtype=bool)), (len(asked), 1))
    for one in dict.fromkeys(named):
        here = np.asarray(stage == one, dtype=np.bool_)
        if here.sum() >= FEWEST:
            found[named == one] = quantiles(here)
    return found
