"""What deals bring when they are won: ours and plain ways to say it, as quantiles of amounts.

In: deals (n,) of a history that ends at an origin. Out: amounts (n, 3) at `distributions.DEAL_LEVELS` in major units,
NaN where nothing tells one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.events import Int
from features.history import History
from features.money import in_major
from training.amounts import amount_of, typical_amounts
from training.deal_scores import amounts_at_close
from training.evidence.distributions import DEAL_LEVELS
from training.outcomes import outcomes

__all__ = ["AMOUNT_NAMES", "close_amounts"]

Floats = npt.NDArray[np.float64]
AMOUNT_NAMES = {"as_it_stands": "the amount as it stands", "past": "quantiles of earlier wins"}


def close_amounts(then: History, subject: Int, origin: int) -> dict[str, Floats]:
    """By method what each deal brings if it is won. One without an amount is given that of earlier wins by all of them,
    as the amount as it stands would say nothing."""
    currency = then.mapping.currency
    past = in_major(typical_amounts(then, outcomes(then, "deal"), np.zeros(0)), currency)
    known = in_major(amount_of(then, subject, np.full(len(subject), origin)), currency)
    wins = np.quantile(past, DEAL_LEVELS) if len(past) else np.full(len(DEAL_LEVELS), np.nan)
    return {"model": amounts_at_close(then, subject, origin)[:3].T,
            "as_it_stands": np.where(np.isnan(known), wins[1], known)[:, None].repeat(len(DEAL_LEVELS), axis=1),
            "past": np.tile(wins, (len(subject), 1))}
