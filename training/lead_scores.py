"""Scores of leads: the chance to convert within the horizon, how sure it is, and what it was a week ago.

In: a lead model, a history, a moment. Out: a frame of one row a lead. Everything is as of the moment; the trend is what
the same model says of the same lead as of seven days before, by the same rules of time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from features.deletions import deleted_as_of
from features.errors import BadInput
from features.events import Int
from features.history import History
from features.money import in_major
from features.settings import Settings
from training.certainty import interval, unlike
from training.hazard import HazardModel, landmark_table
from training.lead_conversion import as_learned, lead_score, window_end
from training.outcomes import OPEN, WON, Landmarks, outcomes
from training.value import conversion_amounts, expected_value, grades, usual_amount

__all__ = ["TREND_DAYS", "open_leads", "past_horizon", "probabilities", "score"]

Floats = npt.NDArray[np.float64]
TREND_DAYS = 7


def score(model: HazardModel, history: History, as_of: int, settings: Settings,
          ids: list[str] | None = None) -> pd.DataFrame:
    """Scores of every lead not yet converted, lost or past its horizon, or of those asked for by id.

    Returns lead_id; probability of converting within the horizon and its 80% interval, probability_low and
    probability_high; score 0–100; grade A–D; expected_value in whole units of the company's currency;
    probability_before, seven days earlier, NaN where the lead was not open then, and change in percentage points; voice
    that speaks loudest; unlike, whether it is unlike anything that has closed. Raises NotFound for an unknown id and
    BadInput for a lead that is not open within its horizon.
    """
    history = as_learned(model, history)
    subject = open_leads(history, as_of) if ids is None else _asked(history, as_of, ids)
    at = np.full(len(subject), as_of)
    table = landmark_table(history, "lead", Landmarks(subject, at))
    probability = np.clip(model.curves_of(history, table).win_by(window_end(history, subject, at)), 0.0, 1.0)
    low, high = interval(model, probability)
    usual = usual_amount(history, as_of, settings)
    amount = conversion_amounts(history, subject, at, usual)
    value, currency = expected_value(probability, amount), history.mapping.currency
    before = probabilities(model, history, subject, at - TREND_DAYS * DAY)
    return pd.DataFrame({
        "lead_id": history.leads.ids[subject], "probability": probability,
        "probability_low": low, "probability_high": high, "score": lead_score(probability),
        "grade": grades(value, usual, settings, currency),
        "expected_value": in_major(value, currency),
        "probability_before": before, "change": 100 * (probability - before), "voice": model.voice,
        "unlike": unlike(model, table.features)})


def open_leads(history: History, as_of: int) -> Int:
    """Codes of the leads that were open within their horizon as of a moment."""
    subject = outcomes(history, "lead").open_at(as_of)
    return subject[window_end(history, subject, np.full(len(subject), as_of)) > as_of]


def past_horizon(history: History, as_of: int) -> int:
    """How many leads were open as of a moment, but past their horizon, so that nothing is asked of them any more."""
    return len(outcomes(history, "lead").open_at(as_of)) - len(open_leads(history, as_of))


def probabilities(model: HazardModel, history: History, subject: Int, at: Int) -> Floats:
    """P(converts within its horizon) (n,) of leads as of moments; NaN where one was not open then."""
    history = as_learned(model, history)
    found = np.full(len(subject), np.nan)
    end = window_end(history, subject, at)
    there = outcomes(history, "lead").is_open(subject, at) & (end > at)
    if there.any():
        found[there] = np.clip(model.curves(history, subject[there], at[there]).win_by(end[there]), 0.0, 1.0)
    return found


def _asked(history: History, as_of: int, ids: list[str]) -> Int:
    """Codes of leads by id. Raises NotFound, and BadInput for one that is not open within its horizon."""
    subject = history.codes("lead", ids)
    at = np.full(len(subject), as_of)
    ends = outcomes(history, "lead")
    askable = ends.is_open(subject, at) & (window_end(history, subject, at) > as_of)
    if not askable.all():
        first = np.flatnonzero(~askable)[:3]
        state = ends.state_as_of(subject[first], at[first])
        words = [_why(history, int(subject[i]), int(s), as_of) for i, s in zip(first, state, strict=True)]
        raise BadInput(f"Cannot be scored as of that date: lead {', '.join(words)}. Ask for open leads only.")
    return subject


def _why(history: History, subject: int, state: int, as_of: int) -> str:
    if history.leads.visible_at[subject] > as_of:
        reason = "not created yet"
    elif state == OPEN:
        one = np.array([subject])
        reason = "deleted" if deleted_as_of(history, "lead", one, np.array([as_of])).any() else "past its horizon"
    else:
        reason = "converted" if state == WON else "disqualified"
    return f"{history.leads.ids[subject]} ({reason})"
