"""Deal close: P(win), P(lose) and P(open) of deals by any date, and when they close."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from features.errors import BadInput, Conflict
from features.events import Int
from features.history import History
from features.settings import Settings, TrainingSettings
from training.at_risk import ask, evidence
from training.curves import Curves
from training.evidence.judge import Asked, judge
from training.evidence.rolling import Fold, Task, cycle, fit, roll
from training.evidence.summary import finite
from training.fingerprint import fingerprint
from training.forecast import judge_forecasts
from training.hazard import FAST_LIFE_DAYS, HazardModel, bin_edges, landmark_table
from training.outcomes import OPEN, Landmarks, Outcomes, grid_landmarks, outcomes
from training.result import TrainingResult, silent, training_result
from training.tuning import Tuner, tuned

__all__ = ["asked_deals", "chances", "evaluation_days", "learn", "open_deals", "score", "task", "train"]

_WHY = ("not created yet", "won", "lost")  # by state: why a deal cannot be scored
FOLD_DAYS = 14  # between the earlier origins, where lives are short
LAST_DAY_LEVEL = 0.98  # curves reach as far as this share of the won deals' remaining lives


def train(history: History, as_of: int, settings: Settings, folder: Path,
          progress: Callable[[str], None] = silent, tuner: Tuner | None = None) -> TrainingResult:
    """Train on what was known at `as_of` and write the model's files into `folder`; `tuner` chooses settings.

    Nothing after `as_of` is read, so cutting the history there leaves the files byte-identical. Before any deal has
    been won the prior of the settings speaks.
    """
    job = task(history.until(as_of), as_of, settings.training)
    settings_at = tuned(tuner, job, as_of, progress)
    model, folds = learn(job, as_of, settings, progress, settings_at)
    origins, asked = _judge(job, folds, as_of, settings)
    evaluation = {**model.evaluation, "window_days": evaluation_days(job.cycle_days), "origins": origins,
                  "trials": tuner.trials if tuner else 0, "at_risk": evidence(ask(job, folds, as_of))}
    chosen = settings_at(as_of) if settings_at else settings.training
    return training_result(model, evaluation, asked, settings.model_copy(update={"training": chosen}), folder)


def learn(job: Task, as_of: int, settings: Settings, progress: Callable[[str], None] = silent,
          settings_at: Callable[[int], TrainingSettings] | None = None) -> tuple[HazardModel, list[Fold]]:
    """The model of a date and the earlier origins that it rests on. It knows how its forecasts went there, as the next
    one needs to; nothing is stored, and no deal is judged."""
    folds = roll(job, as_of, settings.training, progress, settings_at)
    progress("deals: fitting up to the date")
    chosen = settings_at(as_of) if settings_at else settings.training
    model = fit(job, as_of, chosen, folds, chosen.seeds)
    progress("deals: looking back at past forecasts")
    periods = judge_forecasts(job.history, [fold.model for fold in folds], as_of, settings)
    return replace(model, evaluation={"periods": periods}), folds


def task(history: History, as_of: int, settings: TrainingSettings) -> Task:
    """Landmarks, bins and windows of all deals in a history that ends at `as_of`."""
    ends = outcomes(history, "deal").known_at(as_of)  # an end that is dated after it is none yet
    cycle_days = cycle(ends, settings.priors.deal)
    landmarks = grid_landmarks(ends, as_of, 3.5 if cycle_days < FAST_LIFE_DAYS else 7)
    if not len(landmarks):
        raise Conflict(f"No deal of {history.mapping.company} was open at any time before that date, so there is "
                       "nothing to learn from. Train as of a later date.")
    edges = bin_edges(cycle_days, max(91.0, _remaining_life(ends, landmarks)))
    window_end = landmarks.at + evaluation_days(cycle_days) * DAY
    return Task(history, ends, landmark_table(history, "deal", landmarks), edges, cycle_days, window_end,
                FOLD_DAYS, fingerprint(history))


def evaluation_days(cycle_days: float) -> int:
    """Window in which "won" is asked when models are judged: four weeks where lives are short, else a quarter."""
    return 28 if cycle_days < FAST_LIFE_DAYS else 91


def _remaining_life(ends: Outcomes, landmarks: Landmarks) -> float:
    subject, won_at = ends.won_at
    last_win = np.full(len(ends.history.deals), -1, dtype=np.int64)
    last_win[subject] = won_at
    left = (last_win[landmarks.subject] - landmarks.at) / DAY
    return float(np.quantile(left[left > 0], LAST_DAY_LEVEL)) if (left > 0).any() else 0.0


def open_deals(history: History, as_of: int) -> Int:
    """Codes of the deals that were open as of a moment, as known then."""
    return outcomes(history, "deal").open_at(as_of)


def _judge(job: Task, folds: list[Fold], as_of: int,
           settings: Settings) -> tuple[list[dict[str, float | None]], list[Asked]]:
    origins, asked = [], []
    for fold in folds:
        window = fold.origin + evaluation_days(job.cycle_days) * DAY
        subject = job.ends.open_at(fold.origin)
        subject = subject[_answered(job.ends, subject, fold.origin, window)]
        if window > as_of or not len(subject):
            continue
        table = landmark_table(job.history, "deal", Landmarks(subject, np.full(len(subject), fold.origin)))
        figures, answers = judge(fold.model, job.ends, table, np.full(len(subject), window), job, settings)
        origins.append({"origin": fold.origin, **finite(figures)})
        asked.append(answers)
    return origins, asked


def _answered(ends: Outcomes, subject: Int, origin: int, window_end: int) -> npt.NDArray[np.bool_]:
    return ends.is_answered(subject, np.full(len(subject), origin), np.full(len(subject), window_end))


def score(model: HazardModel, history: History, as_of: int, within_days: float,
          ids: list[str] | None = None) -> pd.DataFrame:
    """Chances and dates of deals open as of a moment, or of those asked for by id: the columns of `chances`.

    `training.deal_scores` says everything else of them too. Raises NotFound for an unknown id and BadInput for a deal
    that had ended by then.
    """
    subject = asked_deals(history, as_of, ids)
    curves = model.curves(history, subject, np.full(len(subject), as_of))
    return chances(history, subject, curves, as_of + round(within_days * DAY))


def chances(history: History, subject: Int, curves: Curves, window_end: int) -> pd.DataFrame:
    """deal_id, p_win, p_lose, p_open by `window_end`; close_p10, _p50, _p90: moments given a win; resolve_p10, _p50,
    _p90: moments of either end; both as UTC text, None beyond the model's reach."""
    win, lose = curves.win_by(window_end), curves.lose_by(window_end)
    frame = pd.DataFrame({"deal_id": history.deals.ids[subject], "p_win": win, "p_lose": lose,
                          "p_open": 1.0 - win - lose})
    for name, quantile in (("close", curves.win_quantile), ("resolve", curves.end_quantile)):
        for level in (10, 50, 90):
            frame[f"{name}_p{level}"] = pd.Series(_texts(quantile(level / 100)), dtype=object)
    return frame


def asked_deals(history: History, as_of: int, ids: list[str] | None) -> Int:
    """Codes of the deals open as of a moment, or of those asked for by id. Raises NotFound, and BadInput for a deal
    that had ended by then."""
    if ids is None:
        return open_deals(history, as_of)
    subject = history.codes("deal", ids)
    _refuse_ended(history, subject, as_of)
    return subject


def _refuse_ended(history: History, subject: Int, as_of: int) -> None:
    at = np.full(len(subject), as_of)
    ends = outcomes(history, "deal")
    ended = ~ends.is_open(subject, at)
    if ended.any():
        first = np.flatnonzero(ended)[:3]
        state = ends.state_as_of(subject[first], at[first])
        gone = ends.is_deleted(subject[first], at[first])
        words = [f"{history.deals.ids[subject[i]]} ({'deleted' if s == OPEN and g else _WHY[s]})"
                 for i, s, g in zip(first, state, gone, strict=True)]
        raise BadInput(f"Not open as of that date: deal {', '.join(words)}. Ask for open deals only.")


def _texts(moments: Int) -> npt.NDArray[np.object_]:
    stamps = pd.DatetimeIndex(np.maximum(moments, 0).astype("datetime64[us]")).strftime("%Y-%m-%dT%H:%M:%SZ")
    return np.array([stamp if moment >= 0 else None for stamp, moment in zip(stamps, moments.tolist(), strict=True)],
                    dtype=object)
