"""Tuning: LightGBM's settings chosen by trials, anew at each origin and from what was known there alone.

At an origin the newest fifth of the landmarks before it is held out: a trial fits on what was known when that fifth
began, and is judged by the log-loss of the rows after it that had ended by the origin. Optuna's tree-structured Parzen
estimator (Bergstra et al. 2011) proposes the trials, the shipped settings being the first, with a fixed seed and one
after the other, so that the same number of trials gives the same model. A bound in seconds only decides, at the last
origin, how many trials there are; every origin then makes as many, and `trials` repeats it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna

from features.settings import LightGBMSettings, TrainingSettings
from training.evidence.rolling import Task
from training.rows import LandmarkTable, Rows, build_rows, within_budget
from training.voices import Encoder, fit_boosters

__all__ = ["Trial", "Tuner", "tuned"]

HELD_OUT = 0.2
SEED = 1


@dataclass(frozen=True)
class Trial:
    """One trial: the origin that it was for, in microseconds; what was tried; its log-loss, lower is better."""

    origin: int
    number: int
    tried: dict[str, Any]
    log_loss: float


@dataclass
class Tuner:
    """Chooses settings at origins.

    Either `trials` or `seconds` is given; `trials` is set by the first choice. done : every trial of every origin.
    """

    settings: TrainingSettings
    trials: int | None = None
    seconds: float | None = None
    done: list[Trial] = field(default_factory=list)

    def choose(self, task: Task, origin: int) -> TrainingSettings:
        """The settings with the lowest loss at an origin; as they are where too little had ended to judge by."""
        loss_of = _objective(task, origin, self.settings)
        if loss_of is None or self.trials == 0:
            self.trials = self.trials or 0
            return self.settings
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED))
        study.enqueue_trial({name: getattr(self.settings.lightgbm, name) for name in _SPACE})
        number, began = 0, time.monotonic()
        while number < self.trials if self.trials is not None else (
                number == 0 or time.monotonic() - began < (self.seconds or 0.0)):
            asked = study.ask()
            tried = {name: suggest(asked) for name, suggest in _SPACE.items()}
            loss = loss_of(self.settings.lightgbm.model_copy(update=tried))
            study.tell(asked, loss)
            self.done.append(Trial(origin, number, tried, loss))
            number += 1
        self.trials = number
        return self.settings.model_copy(update={
            "lightgbm": self.settings.lightgbm.model_copy(update=dict(study.best_params))})


def tuned(tuner: Tuner | None, task: Task, as_of: int,
          progress: Callable[[str], None]) -> Callable[[int], TrainingSettings] | None:
    """The settings to use at each origin, chosen there; None without a tuner. The last one, `as_of`, is chosen first:
    it decides how many trials a bound in seconds is enough for."""
    if tuner is None:
        return None
    progress(f"{task.kind}s: trying settings")
    chosen = {as_of: tuner.choose(task, as_of)}

    def settings_at(origin: int) -> TrainingSettings:
        if origin not in chosen:
            chosen[origin] = tuner.choose(task, origin)
        return chosen[origin]

    return settings_at


_SPACE: dict[str, Callable[[optuna.Trial], Any]] = {
    "num_leaves": lambda trial: trial.suggest_int("num_leaves", 3, 31, log=True),
    "learning_rate": lambda trial: trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
    "num_rounds": lambda trial: trial.suggest_int("num_rounds", 30, 200, log=True),
    "min_subjects_in_leaf": lambda trial: trial.suggest_int("min_subjects_in_leaf", 5, 60, log=True),
    "lambda_l2": lambda trial: trial.suggest_float("lambda_l2", 0.5, 50.0, log=True),
    "feature_fraction": lambda trial: trial.suggest_float("feature_fraction", 0.2, 1.0),
}


def _objective(task: Task, origin: int,
               settings: TrainingSettings) -> Callable[[LightGBMSettings], float] | None:
    """Loss of LightGBM settings by what was known at an origin, or None where there is nothing to judge by."""
    at = task.table.landmarks.at
    if not (at < origin).any():
        return None
    split = int(np.quantile(at[at < origin], 1.0 - HELD_OUT))
    parts = [(np.flatnonzero(at < split), split), (np.flatnonzero((at >= split) & (at < origin)), origin)]
    known = [_rows(task, positions, end, settings) for positions, end in parts]
    if any(not len(rows.label) or len(np.unique(rows.label)) < 2 for _, rows in known):
        return None
    (past, past_rows), (_, held_rows) = known
    encoder = Encoder.learn(past)
    matrix, test = (_matrix(task.bins[positions], table, rows, encoder)
                    for (positions, _), (table, rows) in zip(parts, known, strict=True))
    subject, weight = past.landmarks.subject[past_rows.landmark], np.ones(len(past_rows.label))

    def loss_of(tried: LightGBMSettings) -> float:
        booster, = fit_boosters(matrix, past_rows.label, weight, subject, encoder,
                                settings.model_copy(update={"lightgbm": tried}), 1)
        said = np.asarray(booster.predict(test))[np.arange(len(held_rows.label)), held_rows.label]
        return float(-np.log(np.maximum(said, 1e-12)).mean())

    return loss_of


def _rows(task: Task, positions: np.ndarray[Any, Any], end: int,
          settings: TrainingSettings) -> tuple[LandmarkTable, Rows]:
    table = task.table.take(positions)
    rows = build_rows(task.ends.known_at(end), table.landmarks, task.edges_days, end)
    return table, within_budget(rows, table, task.history.subjects(task.kind).ids, settings.row_budget)


def _matrix(bins: np.ndarray[Any, Any], table: LandmarkTable, rows: Rows, encoder: Encoder) -> np.ndarray[Any, Any]:
    return np.concatenate([encoder.encode(table.features)[rows.landmark], bins[rows.landmark, rows.bin]], axis=1)
