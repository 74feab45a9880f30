"""What the clock alone tells: the same hazards, learned from age and calendar and from nothing about the subject.

Against it a claim of skill is tested. A model that has learned when deals end, that quarters have ends and how the
level moved is better than one rate for all, and still knows nothing about who will be won.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.events import Int
from features.settings import TrainingSettings
from training.curves import curves_from_hazards
from training.evidence.rolling import Task
from training.rows import BIN_COLUMNS, STATE_COLUMNS, LandmarkTable, bin_matrix, build_rows, within_budget
from training.voices import Encoder, booster_hazards, fit_boosters

__all__ = ["clock_probability"]

Floats = npt.NDArray[np.float64]
Reals = npt.NDArray[np.float32]
CALENDAR = "days_to_quarter_end"


def clock_probability(task: Task, origin: int, table: LandmarkTable, window_end: Int,
                      settings: TrainingSettings) -> Floats:
    """P(won by `window_end`) of landmarks (n,), by what age and calendar taught up to `origin`."""
    past = task.table.take(np.flatnonzero(task.table.landmarks.at < origin))
    rows = build_rows(task.ends.known_at(origin), past.landmarks, task.edges_days, origin)
    rows = within_budget(rows, past, task.history.subjects(task.kind).ids, settings.row_budget)
    encoder = Encoder([STATE_COLUMNS[task.kind][2], CALENDAR], {})
    encoded, bins = encoder.encode(past.features), _without_due_day(task, past)
    matrix = np.concatenate([encoded[rows.landmark], bins[rows.landmark, rows.bin]], axis=1)
    boosters = fit_boosters(matrix, rows.label, np.ones(len(rows.label)), past.landmarks.subject[rows.landmark],
                            encoder, settings, seeds=1)
    hazards = booster_hazards(boosters, encoder.encode(table.features), _without_due_day(task, table))
    return curves_from_hazards(table.landmarks.at, task.edges_days, hazards, task.history.mapping).win_by(window_end)


def _without_due_day(task: Task, table: LandmarkTable) -> Reals:
    """What is known of the bins beside when the deal is due, (n, m, 5): that is a fact about the deal."""
    bins = bin_matrix(task.history, table, task.edges_days)
    bins[:, :, BIN_COLUMNS.index("bin_due_days")] = np.nan
    return bins
