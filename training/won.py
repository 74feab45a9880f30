"""What a period brought: deals whose latest win lies in it and stands at its end."""

from __future__ import annotations

import numpy as np

from features.events import Int
from features.history import History
from features.money import to_major
from training.amounts import won_amounts
from training.outcomes import Outcomes, outcomes

__all__ = ["actual", "actual_deals"]


def actual_deals(ends: Outcomes, start: int, end: int) -> tuple[Int, Int]:
    """Deals whose latest win lies in (start, end] and stands at `end`: codes and moments of the win."""
    subject, won_at = ends.standing_at(end).won_at
    inside = (won_at > start) & (won_at <= end)
    return subject[inside], won_at[inside]


def actual(history: History, start: int, end: int) -> dict[str, float]:
    """Number and amount (major units) won in (start, end], from all that is known in `history`."""
    won = actual_deals(outcomes(history, "deal"), start, end)
    amount = float(np.nansum(won_amounts(history, *won)))
    return {"won_count": float(len(won[0])), "won_amount": to_major(amount, history.mapping.currency)}
