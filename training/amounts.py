"""Amounts of deals in minor units: as they were known, as they were when the deal was won, and how they change on the
way there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.asof import AsOf, number
from features.calendar import DAY
from features.events import Int
from features.history import History
from training.outcomes import Outcomes

__all__ = ["LARGEST_RATIO", "amount_of", "amounts_known", "closing_ratios", "typical_amounts", "won_amounts"]

Floats = npt.NDArray[np.float64]
LARGEST_RATIO = 4.0  # of an amount at the win to what it was before; what lies beyond is cut to it
EVER = np.iinfo(np.int64).max


def amount_of(history: History, subject: Int, at: Int) -> Floats:
    """Amount of each deal in minor units as known at each time, NaN where unknown."""
    return number(history.changes("deal", "amount"), AsOf(history, "deal", subject, at))


def amounts_known(history: History) -> bool:
    """Whether any deal has an amount yet; also where the mapping has none at all, so that none is missed."""
    return "amount" not in history.mapping.field_types("deal") or bool(len(history.changes("deal", "amount")))


def won_amounts(history: History, subject: Int, won_at: Int) -> Floats:
    """Amount of each win in minor units: as it stood at the win, or, where only a later snapshot tells it, as it is
    known at the history's end. NaN where unknown. An outcome, never a feature."""
    at_win = amount_of(history, subject, won_at)
    last = amount_of(history, subject, np.full(len(subject), EVER))
    return np.where(np.isnan(at_win), last, at_win)


def typical_amounts(history: History, ends: Outcomes, open_amount: Floats) -> Floats:
    """Amounts at the win that a deal without one may have: those of past wins, or, before there are any, of open deals,
    `open_amount`; known ones only."""
    found = won_amounts(history, *ends.won_at)
    found = found[np.isfinite(found)]
    return found if len(found) else open_amount[np.isfinite(open_amount)]


def closing_ratios(history: History, ends: Outcomes) -> Floats:
    """Amount at the win over the amount half a cycle before it (at creation where younger), one per past win."""
    subject, won_at = ends.won_at
    if not len(subject):
        return np.ones(1)
    half = int(np.median(np.maximum(ends.life_days, 0.0)) * DAY / 2)
    before = np.maximum(won_at - half, history.deals.visible_at[subject])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = amount_of(history, subject, won_at) / amount_of(history, subject, before)
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    # An amount that was a placeholder (1.00) until late would multiply everybody else's.
    return np.clip(ratio, 1 / LARGEST_RATIO, LARGEST_RATIO) if len(ratio) else np.ones(1)
