"""What the reps called for a period, from what they said of each deal."""

from __future__ import annotations

import numpy as np

from features.asof import AsOf, category, moment, number
from features.history import History
from features.money import to_major
from training.amounts import amount_of
from training.outcomes import outcomes
from training.won import actual

__all__ = ["reps_call"]


def reps_call(history: History, as_of: int, start: int, end: int) -> dict[str, float] | None:
    """What the reps called at `as_of` for (start, end]: won so far, plus open deals with an expected close in it
    that they call "commit", or, without categories, weighted by their own probability. None where the history has
    neither.
    """
    history = history.until(as_of)
    ends = outcomes(history, "deal")
    subject = ends.open_at(as_of)
    pairs = AsOf(history, "deal", subject, np.full(len(subject), as_of))
    called = category(history.changes("deal", "forecast_category"), pairs)
    rep = number(history.changes("deal", "rep_probability"), pairs)
    expected = moment(history.changes("deal", "expected_close"), pairs)
    if not len(history.changes("deal", "expected_close")):
        return None
    if len(history.changes("deal", "forecast_category")):
        weight = np.isin(np.char.lower(called.astype(str)), ["commit", "closed"]).astype(np.float64)
    elif len(history.changes("deal", "rep_probability")):
        weight = np.nan_to_num(rep) / (100.0 if np.nanmax(rep, initial=0.0) > 1.0 else 1.0)
    else:
        return None
    weight = np.where((expected > start) & (expected <= end), weight, 0.0)
    so_far = actual(history, start, min(as_of, end))
    amount = float((weight * np.nan_to_num(amount_of(history, subject, pairs.at))).sum())
    return {"won_count": so_far["won_count"] + float(weight.sum()),
            "won_amount": so_far["won_amount"] + to_major(amount, history.mapping.currency)}
