"""What the reps called for a period, from what they said of each deal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, category, moment, number
from features.events import Int
from features.history import History
from features.money import to_major
from training.amounts import amount_of
from training.outcomes import outcomes
from training.won import actual

__all__ = ["CATEGORIES", "Pipeline", "pipeline_of", "rep_probability", "reps_call"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
CATEGORIES = ("closed", "commit", "best case", "pipeline", "omitted", "other")
_WORDS = {"bestcase": "best case", "closed": "commit"}  # an open deal that is called closed is at least committed to


@dataclass(frozen=True)
class Pipeline:
    """The open deals whose reps expect them to close in a period, as known at a moment.

    subject : (n,) codes. amount : (n,) minor units, 0 where unknown. category : (n,) one of CATEGORIES. called : (n,)
    share of the deal that the rep calls: all or nothing by category, else by the rep's probability; None where the
    history has neither.
    """

    subject: Int
    amount: Floats
    category: Texts
    called: Floats | None


def pipeline_of(history: History, at: int, start: int, end: int) -> Pipeline | None:
    """The reps' pipeline for (start, end] as known at `at`; None where nothing is known of expected closes."""
    expects = history.changes("deal", "expected_close")
    if not len(expects):
        return None
    subject = outcomes(history, "deal").open_at(at)
    expected = moment(expects, AsOf(history, "deal", subject, np.full(len(subject), at)))
    subject = subject[(expected > start) & (expected <= end)]
    pairs = AsOf(history, "deal", subject, np.full(len(subject), at))
    said = category(history.changes("deal", "forecast_category"), pairs)
    words = pd.Series(said, dtype=object).fillna("").astype(str).str.lower().str.replace("[_-]", " ", regex=True)
    words = words.replace(_WORDS)
    found = words.where(words.isin(CATEGORIES), "other").to_numpy(object)
    called: Floats | None = None
    if len(history.changes("deal", "forecast_category")):
        called = np.asarray(found == "commit", dtype=np.float64)
    elif len(history.changes("deal", "rep_probability")):
        called = np.nan_to_num(rep_probability(history, pairs))
    return Pipeline(subject, np.nan_to_num(amount_of(history, subject, pairs.at)), found, called)


def rep_probability(history: History, pairs: AsOf) -> Floats:
    """The reps' own probabilities, 0 to 1, NaN where there is none. They are percentages where any that was known by
    the newest of the moments is above 1."""
    events = history.changes("deal", "rep_probability")
    known = events.numbers[events.visible <= pairs.at.max(initial=0)]
    return number(events, pairs) / (100.0 if np.nanmax(known, initial=0.0) > 1.0 else 1.0)


def reps_call(history: History, as_of: int, start: int, end: int) -> dict[str, float] | None:
    """What the reps called at `as_of` for (start, end]: won so far, plus open deals with an expected close in it
    that they call "commit", or, without categories, weighted by their own probability. None where the history has
    neither.
    """
    history = history.until(as_of)
    pipeline = pipeline_of(history, as_of, start, end)
    if pipeline is None or pipeline.called is None:
        return None
    so_far = actual(history, start, min(as_of, end))
    amount = float((pipeline.called * pipeline.amount).sum())
    return {"won_count": so_far["won_count"] + float(pipeline.called.sum()),
            "won_amount": so_far["won_amount"] + to_major(amount, history.mapping.currency)}
