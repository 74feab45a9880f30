"""What a period brought: deals whose latest win lies in it and stands at its end."""

from __future__ import annotations

import numpy as np

from features.events import Int
from features.history import History
from features.money import to_major
from training.amounts import won_amounts
from training.groups import won_labels
from training.outcomes import Outcomes, outcomes

__all__ = ["actual", "actual_by", "actual_deals"]


def actual_deals(ends: Outcomes, start: int, end: int) -> tuple[Int, Int]:
    """Deals whose latest win lies in (start, end] and stands at `end`: codes and moments of the win."""
    subject, won_at = ends.standing_at(end).won_at
    inside = (won_at > start) & (won_at <= end)
    return subject[inside], won_at[inside]


def actual(history: History, start: int, end: int) -> dict[str, float]:
    """Number and amount (major units) won in (start, end], from all that is known in `history`."""
    return _brought(history, *actual_deals(outcomes(history, "deal"), start, end))


def actual_by(history: History, by: str, start: int, end: int) -> dict[str, dict[str, float]]:
    """The same by line of a grouping, as a forecast counts them; of the lines that won something."""
    subject, won_at = actual_deals(outcomes(history, "deal"), start, end)
    line = won_labels(history, by, subject, won_at)
    return {str(one): _brought(history, subject[line == one], won_at[line == one]) for one in np.unique(line)}


def _brought(history: History, subject: Int, won_at: Int) -> dict[str, float]:
    amount = float(np.nansum(won_amounts(history, subject, won_at)))
    return {"won_count": float(len(subject)), "won_amount": to_major(amount, history.mapping.currency)}
