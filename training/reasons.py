"""Reasons: which group of facts moves a score most, in a salesperson's words.

A group's part is how far the score's log-odds fall when that group's features are set to what is usual among the
model's own landmarks, all else kept. It is the score itself, after calibration, that is compared; parts of different
groups need not add up.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, Feature, compute
from features.calendar import DAY
from features.catalogue import catalogue
from features.history import History, Int
from training.forecast import owner_name
from training.hazard import HazardModel, LandmarkTable
from training.outcomes import Landmarks

__all__ = ["top_reasons"]

Floats = npt.NDArray[np.float64]
_ONE = re.compile(r"\b1 (day|time|step|contact|role|lead|stage change)s\b")


def top_reasons(model: HazardModel, history: History, as_of: int, ids: list[str], within_days: float) -> pd.DataFrame:
    """One reason for each lead or deal: the group of features with the largest effect on P(won within days).

    Returns lead_id or deal_id, reason, effect (log-odds; above 0 speaks for a win), actionable. Raises NotFound.
    """
    subject = history.codes(model.kind, ids)
    at = np.full(len(subject), as_of)
    features = catalogue(history, model.kind, as_of)
    table = LandmarkTable(Landmarks(subject, at), compute(features, AsOf(history, model.kind, subject, at)))
    score = _log_odds(model, history, table, within_days)
    groups = sorted({feature.group for feature in features})
    effect = np.stack([score - _log_odds(model, history, _made_usual(model, table, features, group), within_days)
                       for group in groups], axis=1)
    best = np.abs(effect).argmax(axis=1)
    rows = np.arange(len(subject))
    reasons = [_words(model, history, table.features.iloc[row], [f for f in features if f.group == groups[group]])
               for row, group in zip(rows, best, strict=True)]
    return pd.DataFrame({f"{model.kind}_id": ids, "reason": [text for text, _ in reasons],
                         "effect": effect[rows, best], "actionable": [actionable for _, actionable in reasons]})


def _log_odds(model: HazardModel, history: History, table: LandmarkTable, within_days: float) -> Floats:
    end: Int = table.landmarks.at + round(within_days * DAY)
    probability = np.clip(model.curves_of(history, table).win_by(end), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(probability / (1.0 - probability)), dtype=np.float64)


def _made_usual(model: HazardModel, table: LandmarkTable, features: list[Feature], group: str) -> LandmarkTable:
    usual = {}
    for feature in features:
        if feature.group == group:
            value = model.typical.get(feature.name)
            usual[feature.name] = value if feature.dtype == "category" else np.nan if value is None else float(value)
    return LandmarkTable(table.landmarks, table.features.assign(**usual))


def _words(model: HazardModel, history: History, values: pd.Series, group: list[Feature]) -> tuple[str, bool]:
    """Word a group by its first known feature that differs from the usual, or by its first known one."""
    known = [feature for feature in group if not pd.isna(values[feature.name])]
    if not known:
        return f"nothing is known about its {group[0].group}", group[0].actionable
    told = next((feature for feature in known if values[feature.name] != model.typical.get(feature.name)), known[0])
    value = values[told.name]
    text = f"{value:.0f}" if isinstance(value, float) else str(value)
    if told.group == "owner" and told.dtype == "category":
        text = owner_name(history, text)
    return _ONE.sub(r"1 \1", told.wording.format(value=text).replace("1 activities", "1 activity")), told.actionable
