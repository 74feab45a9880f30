"""Lead conversion: P(a lead converts within its horizon)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from features.calendar import DAY
from features.errors import BadInput, Conflict
from features.events import Int
from features.history import History
from features.outcome_rules import LeadOutcome
from features.rule_book import Rules
from features.settings import Settings, TrainingSettings
from training.evidence.importance import group_importance
from training.evidence.judge import Asked, judge
from training.evidence.learning import learning_curve
from training.evidence.rolling import Fold, Task, cycle, fit, roll
from training.evidence.summary import finite
from training.fingerprint import fingerprint
from training.hazard import HazardModel, LandmarkTable, bin_edges, landmark_table
from training.outcomes import lead_landmarks, outcomes
from training.result import TrainingResult, silent, training_result
from training.tuning import Tuner, tuned
from training.worklist import past_worklists

__all__ = ["as_learned", "lead_score", "task", "train", "window_end"]

Judged = tuple[Fold, LandmarkTable, Int, Asked]  # an origin, its questions, their windows' ends and answers
ENOUGH = 30  # conversions, for an origin to tell what the model leans on
JUDGED_DAYS = 14  # an origin is judged on the landmarks of so many days, all of whose windows have closed


def train(history: History, as_of: int, settings: Settings, folder: Path,
          progress: Callable[[str], None] = silent, tuner: Tuner | None = None) -> TrainingResult:
    """Train on what was known at `as_of` and write the model's files into `folder`; `tuner` chooses settings.

    Every lead up to the origin counts, young ones censored there. Nothing after `as_of` is read. Before any lead has
    converted the prior of the settings speaks.
    """
    job = task(history.until(as_of), as_of, settings.training)
    settings_at = tuned(tuner, job, as_of, progress)
    folds = roll(job, as_of, settings.training, progress, settings_at)
    progress("leads: fitting up to the date")
    chosen = settings_at(as_of) if settings_at else settings.training
    model = fit(job, as_of, chosen, folds, chosen.seeds)
    origins, asked, judged = [], [], []
    for fold in folds:
        marks, end = job.table.landmarks.take(fold.later), job.window_end[fold.later]
        closed = fold.later[(marks.at < fold.origin + JUDGED_DAYS * DAY) & (end <= as_of)
                            & job.ends.is_answered(marks.subject, marks.at, end)]
        if not len(closed):
            continue
        figures, answers = judge(fold.model, job.ends, job.table.take(closed), job.window_end[closed], job,
                                 settings)
        origins.append({"origin": fold.origin, **finite(figures)})
        asked.append(answers)
        judged.append((fold, job.table.take(closed), job.window_end[closed], answers))
    days = _outcome(history).horizon.days
    evaluation = {"window_days": days, "origins": origins, "trials": tuner.trials if tuner else 0, "periods": [],
                  "rules": None if history.rules is None else history.rules.model_dump(by_alias=True),
                  "worklist": past_worklists(job, folds, as_of, settings, window_end, days),
                  **(_insight(job, *_telling(judged), settings) if judged else {"learning": [], "importance": []})}
    return training_result(model, evaluation, asked, settings.model_copy(update={"training": chosen}), folder)


def _telling(judged: list[Judged]) -> Judged:
    """The newest origin with enough conversions to tell something, else the one with the most."""
    return max(judged, key=lambda one: (min(int(one[3].won.sum()), ENOUGH), one[0].origin))


def _insight(job: Task, fold: Fold, table: LandmarkTable, end: Int, answers: Asked,
             settings: Settings) -> dict[str, Any]:
    """What one origin shows beside its figures."""
    def refit(thin: Task) -> HazardModel:
        return fit(thin, fold.origin, settings.training, [], 1)

    return {"insight": {"origin": fold.origin, "n": len(answers.won), "won": int(answers.won.sum())},
            "learning": learning_curve(job, fold.model, refit, table, end, answers),
            "importance": group_importance(fold.model, job.history, table, end, answers)}


def task(history: History, as_of: int, settings: TrainingSettings) -> Task:
    """Landmarks, bins and horizons of all leads in a history that ends at `as_of`."""
    ends = outcomes(history, "lead").known_at(as_of)  # an end that is dated after it is none yet
    horizon = _outcome(history).horizon
    cycle_days = cycle(ends, settings.priors.lead)
    landmarks = lead_landmarks(ends, as_of, horizon)
    if not len(landmarks):
        raise Conflict(f"No lead of {history.mapping.company} was open at any time before that date, so there is "
                       "nothing to learn from. Train as of a later date.")
    edges = bin_edges(cycle_days, horizon.days)
    edges = np.append(edges[edges < horizon.days], horizon.days).astype(np.float64)
    return Task(history, ends, landmark_table(history, "lead", landmarks), edges, cycle_days,
                window_end(history, landmarks.subject, landmarks.at), _fold_days(horizon.days, settings.origins),
                fingerprint(history))


def _fold_days(horizon_days: float, origins: int) -> float:
    """Whole fortnights between origins, so many that the windows of half of them have closed."""
    return 14.0 * max(1, math.ceil((horizon_days + JUDGED_DAYS) / (14 * origins / 2)))


def as_learned(model: HazardModel, history: History) -> History:
    """The history with the rules for points that a model of leads learned with, whatever the home's are by now: points
    by others would be another fact under the same name."""
    learned = model.evaluation.get("rules")
    rules = None if learned is None else Rules.model_validate(learned)
    return history if rules == history.rules else replace(history, rules=rules)


def window_end(history: History, subject: Int, at: Int) -> Int:
    """End of each lead's horizon: counted from its creation or from the moment asked about, as the mapping says."""
    horizon = _outcome(history).horizon
    start = history.leads.created_at[subject] if horizon.origin == "created" else at
    return np.asarray(start + horizon.days * DAY, dtype=np.int64)


def _outcome(history: History) -> LeadOutcome:
    if history.mapping.leads is None:
        raise BadInput(f"The mapping of {history.mapping.company} does not say when a lead converts. "
                       "Add `leads:` with `converted:` and `horizon:` and import again.")
    return history.mapping.leads


def lead_score(probability: npt.NDArray[np.float64]) -> Int:
    """Score 0–100 of a probability: 100·√p, so that the small probabilities that most leads have can be told apart.

    It is the same function for every model and company: 1% is 10, 4% is 20, 25% is 50.
    """
    return np.asarray(np.rint(100 * np.sqrt(probability)), dtype=np.int64)
