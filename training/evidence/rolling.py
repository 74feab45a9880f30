"""Rolling origins: refit at earlier origins on what was known then, and look at what came after.

This is where everything that is chosen or judged comes from: the half-life, the calibrator and the evaluation. No fold
sees a row, a label or a category of later than its origin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.calendar import DAY, fiscal_quarter
from features.history import History, Int
from features.settings import TrainingSettings
from training.baselines import AalenJohansen
from training.calibration import Calibrator, choose_calibrator
from training.hazard import (
    FAST_LIFE_DAYS,
    Encoder,
    HazardModel,
    LandmarkTable,
    Rows,
    background_rows,
    bin_matrix,
    build_rows,
    fit_boosters,
    recency_weights,
    within_budget,
)
from training.outcomes import Outcomes

__all__ = ["Fold", "Task", "earlier_origins", "fit", "roll"]

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]
SETTLE_DAYS = 14  # an origin wants this much log before it


@dataclass(frozen=True)
class Task:
    """What is learned: the kind of subject, its landmarks with features, its bins and the window of its figures.

    window_end : (n,) for each landmark, the moment by which "won" is asked in the evaluation. settled_days : the newest
    origin lies at least so long before the end. cycle_days and edges_days are those of the task's end at every origin.
    """

    history: History
    ends: Outcomes
    table: LandmarkTable
    edges_days: Floats
    cycle_days: float
    window_end: Int
    settled_days: float
    fingerprint: str

    @property
    def kind(self) -> str:
        return self.ends.kind


@dataclass(frozen=True)
class Fold:
    """One earlier origin: the model as it was then, and the landmarks after it on which it is judged.

    later : positions in the task's table of landmarks from this origin to the next. hazards : (len(later), m, 3)
    before calibration. cells : cell rates at the origin by half-life in cycles.
    """

    origin: int
    model: HazardModel
    later: Int
    hazards: Floats
    cells: dict[float, AalenJohansen]


def earlier_origins(task: Task, as_of: int, settings: TrainingSettings) -> list[int]:
    """Origins before `as_of`, oldest first: starts of fiscal quarters, or every 14 days where lives are short.

    An origin wants `min_wins` wins known by then and some log before it.
    """
    won_at = np.sort(task.ends.won_at[1])
    first = int(task.history.subjects(task.kind).visible_at.min(initial=as_of))
    fast = task.cycle_days < FAST_LIFE_DAYS
    found: list[int] = []
    step = 1 if fast else 0
    while len(found) < settings.origins:
        origin = as_of - step * 14 * DAY if fast else fiscal_quarter(as_of, task.history.mapping, -step)[1]
        step += 1
        if origin - SETTLE_DAYS * DAY < first:
            break
        if np.searchsorted(won_at, origin, side="right") < settings.min_wins:
            break
        if origin <= as_of - task.settled_days * DAY:
            found.append(origin)
    return found[::-1]


def roll(task: Task, as_of: int, settings: TrainingSettings, progress: Progress) -> list[Fold]:
    """Refit at each earlier origin, with half-life and calibrator chosen from the folds before it."""
    origins = earlier_origins(task, as_of, settings)
    folds: list[Fold] = []
    for i, origin in enumerate(origins):
        progress(f"{task.kind}s: judging origin {i + 1} of {len(origins)}")
        until = origins[i + 1] if i + 1 < len(origins) else as_of
        later = np.flatnonzero((task.table.landmarks.at >= origin) & (task.table.landmarks.at < until))
        model = fit(task, origin, settings, folds, seeds=1)
        table = task.table.take(later)
        bins = bin_matrix(task.history, table, task.edges_days)
        folds.append(Fold(origin, model, later, model.raw_hazards(table, bins),
                          candidate_cells(task, origin, settings)))
    return folds


def fit(task: Task, origin: int, settings: TrainingSettings, folds: list[Fold], seeds: int) -> HazardModel:
    """Fit on everything known at `origin`; half-life and calibrator come from the folds before it."""
    ends = task.ends.known_at(origin)
    half_life = choose_half_life(folds, task, origin, settings)
    past = task.table.take(np.flatnonzero(task.table.landmarks.at < origin))
    rows = build_rows(ends, past.landmarks, task.edges_days, origin)
    ids = task.history.subjects(task.kind).ids
    rows = within_budget(rows, past, ids, settings.row_budget)
    weight = recency_weights(past.landmarks.at, origin, half_life)[rows.landmark]
    cells = _cells(task, past, rows, weight)
    encoder = Encoder.learn(past)
    enough = int((ends.won_at[1] <= origin).sum()) >= settings.min_wins and len(rows.label) > 0
    boosters = []
    if enough:
        encoded = encoder.encode(past.features)
        bins = bin_matrix(task.history, past, task.edges_days)
        matrix = np.concatenate([encoded[rows.landmark], bins[rows.landmark, rows.bin]], axis=1)
        subject = past.landmarks.subject[rows.landmark]
        boosters = fit_boosters(matrix, rows.label, weight, subject, encoder, settings, seeds)
    return HazardModel(
        kind=task.kind, company=task.history.mapping.company, as_of=origin, voice="lightgbm" if enough else "rates",
        edges_days=task.edges_days, cycle_days=task.cycle_days, encoder=encoder, boosters=boosters, cells=cells,
        calibrator=calibrator_from(folds, task, origin, settings), half_life_days=half_life,
        background=background_rows(past, ids, encoder), fingerprint=task.fingerprint, evaluation={})


def candidate_cells(task: Task, origin: int, settings: TrainingSettings) -> dict[float, AalenJohansen]:
    """Aalen–Johansen tables at an origin for each half-life that may be chosen."""
    ends = task.ends.known_at(origin)
    past = task.table.take(np.flatnonzero(task.table.landmarks.at < origin))
    rows = build_rows(ends, past.landmarks, task.edges_days, origin)
    return {half_life: _cells(task, past, rows, recency_weights(past.landmarks.at, origin,
                                                               half_life * task.cycle_days)[rows.landmark])
            for half_life in settings.half_lives_in_cycles}


def _cells(task: Task, past: LandmarkTable, rows: Rows, weight: Floats) -> AalenJohansen:
    return AalenJohansen.fit(*past.state(task.kind), rows.landmark, rows.bin, rows.label, weight,
                             len(task.edges_days) - 1)


def choose_half_life(folds: list[Fold], task: Task, origin: int, settings: TrainingSettings) -> float:
    """Half-life in days with the lowest out-of-time loss over the folds, by what was known at `origin`; 0 for none.
    It is judged on cell rates, which follow the level and cost nothing."""
    if not folds:
        return 0.0
    loss = dict.fromkeys(settings.half_lives_in_cycles, 0.0)
    ends = task.ends.known_at(origin)
    for fold in folds:
        table = task.table.take(fold.later)
        rows = build_rows(ends, table.landmarks, task.edges_days, origin)
        for half_life, cells in fold.cells.items():
            loss[half_life] += _loss(cells.hazards(*table.state(task.kind)), rows)
    return float(min(loss, key=lambda half_life: (loss[half_life], half_life)) * task.cycle_days)


def calibrator_from(folds: list[Fold], task: Task, origin: int, settings: TrainingSettings) -> Calibrator:
    """Offsets learned from the folds' out-of-time rows whose outcome was known at `origin`."""
    if not folds:
        return Calibrator()
    hazards, label, group, number, seen_by = [], [], [], [], []
    origins = np.array([fold.origin for fold in folds])
    ends = task.ends.known_at(origin)
    for i, fold in enumerate(folds):
        table = task.table.take(fold.later)
        rows = build_rows(ends, table.landmarks, task.edges_days, origin)
        bin_end = table.landmarks.at[rows.landmark] + (task.edges_days[rows.bin + 1] * DAY).astype(np.int64)
        hazards.append(fold.hazards[rows.landmark, rows.bin])
        label.append(rows.label)
        group.append(fold.model.groups(table)[rows.landmark])
        number.append(np.full(len(rows.label), i))
        seen_by.append(np.searchsorted(origins, bin_end))
    return choose_calibrator(np.concatenate(hazards), np.concatenate(label), np.concatenate(group),
                             np.concatenate(number), np.concatenate(seen_by), settings.calibration_prior_events)


def _loss(hazards: Floats, rows: Rows) -> float:
    return float(-np.log(np.maximum(hazards[rows.landmark, rows.bin, rows.label], 1e-12)).sum())
