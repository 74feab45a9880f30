"""Plain ways to say whether a deal is won in the period, beside those of `training.evidence.matured`.

In: what was known at an origin (`plain_forecasts.Past`) and the model's own rates. Out: P(won in the period) of the
deals that were open there, (n,) by name; a way that the company's data does not allow is left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, category
from training.baselines import AalenJohansen, state_rate
from training.evidence.paired import PLAIN_NAMES
from training.evidence.plain_forecasts import Past, finally_won
from training.reps import rep_probability

__all__ = ["DEAL_NAMES", "by_stage_alone", "plain_deals"]

Floats = npt.NDArray[np.float64]

DEAL_NAMES = {**PLAIN_NAMES, "stage_final": "share finally won by stage", "aj_stage": "Aalen–Johansen by stage alone",
              "logistic_hazard": "logistic regression of hazards",
              "rep": "the rep's own probability", "rep_rate": "past rate of what the rep calls it"}
RAW_BOUND = 0.01  # a rep's 0% and 100% are taken for 1% and 99%, or one slip would cost without end
PROBABILITY_BANDS = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)


def by_stage_alone(cells: AalenJohansen) -> AalenJohansen:
    """The same rates without those by time in stage."""
    return AalenJohansen({name: table for name, table in cells.cells.items() if "|" not in name})


def plain_deals(past: Past) -> dict[str, Floats]:
    """P(won in the period) of the deals open at the origin by what CRMs and reps say."""
    rows = past.asked(past.origin)
    found: dict[str, Floats] = {}
    final = finally_won(past, past.origin, past.stage.iloc[rows])
    if final is not None:
        found["stage_final"] = final
    pairs = AsOf(past.history, "deal", past.table.landmarks.subject, past.at)
    due = np.nan_to_num(past.due, nan=np.inf)
    is_due = (due <= past.at + past.length) if np.isfinite(past.due).any() else np.ones(len(due), dtype=bool)
    said = rep_probability(past.history, pairs)
    named = category(past.history.changes("deal", "forecast_category"), pairs)
    if np.isfinite(said).any():
        raw = np.where(is_due, np.nan_to_num(said), 0.0)
        found["rep"] = np.clip(raw, RAW_BOUND, 1.0 - RAW_BOUND)[rows]
    over = past.over(past.origin)
    if (np.isfinite(said).any() or pd.notna(named).any()) and over.any():
        band = np.searchsorted(PROBABILITY_BANDS, np.nan_to_num(said)) if not pd.notna(named).any() else named
        called = pd.Series([f"{one}|{there}" for one, there in zip(band, is_due, strict=True)], dtype=object)
        found["rep_rate"] = state_rate(called[over], past.won_inside[over], called.iloc[rows])[1]
    return found
