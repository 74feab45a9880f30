"""A dossier: all that is said of one lead or deal as of a moment, beside its score.

Why the score is what it is, what moved it in seven days, what would change it, and what it was before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.calendar import DAY
from features.events import Int
from features.history import History
from training.hazard import HazardModel, landmark_table
from training.lead_conversion import as_learned
from training.lead_scores import TREND_DAYS
from training.outcomes import Landmarks, outcomes
from training.reasons import Explanation, Reason, explain
from training.what_if import WhatIf, what_if

__all__ = ["Dossier", "Moved", "dossier", "moved"]

WEEKS = 12  # of past scores
LEAST_MOVE = 0.02  # log-odds


@dataclass(frozen=True)
class Moved:
    """A theme whose part of the score changed: its fact now, and by how much (log-odds)."""

    theme: str
    text: str
    change: float


@dataclass(frozen=True)
class Dossier:
    """What is said of one subject. moved : since seven days ago, empty for one younger. past : (moment, probability),
    weekly, the oldest first, this moment the last."""

    explanation: Explanation
    moved: list[Moved]
    what_if: list[WhatIf]
    past: list[tuple[int, float]]

    def reasons(self, most: int = 5) -> list[Reason]:
        return self.explanation.reasons(most)


def dossier(model: HazardModel, history: History, subject: int, as_of: int,
            end_of: Callable[[Int, Int], Int]) -> Dossier:
    """Everything about one open lead or deal (its code). `end_of` gives the moment by which to win, (n,), of subjects
    (n,) at moments (n,)."""
    if model.kind == "lead":
        history = as_learned(model, history)
    weeks = as_of - np.arange(WEEKS, -1, -1, dtype=np.int64) * TREND_DAYS * DAY
    code = np.full(len(weeks), subject)
    there = outcomes(history, model.kind).is_open(code, weeks) & (end_of(code, weeks) > weeks)
    at, code = weeks[there], code[there]
    table = landmark_table(history, model.kind, Landmarks(code, at))
    end = end_of(code, at)
    said = model.curves_of(history, table).win_by(end)
    recent = np.flatnonzero(at >= as_of - TREND_DAYS * DAY)
    explained = explain(model, history, table.take(recent), end[recent])
    last = np.array([len(at) - 1])
    return Dossier(explained[-1], moved(explained[0], explained[-1]) if len(explained) > 1 else [],
                   what_if(model, history, table.take(last), end[last]),
                   list(zip(at.tolist(), np.clip(said, 0.0, 1.0).tolist(), strict=True)))


def moved(before: Explanation, now: Explanation, most: int = 3) -> list[Moved]:
    """The themes whose parts changed most between two explanations of one subject, the largest change first."""
    earlier = {one.theme: one.effect for one in before.themes}
    found = [Moved(one.theme, one.text, one.effect - earlier.get(one.theme, 0.0)) for one in now.themes]
    found = [one for one in found if abs(one.change) >= LEAST_MOVE]
    return sorted(found, key=lambda one: (-abs(one.change), one.theme))[:most]
