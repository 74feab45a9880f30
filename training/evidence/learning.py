"""How good the model is with fewer outcomes to learn from: refitted on a random part of the leads or deals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from features.endings import Endings
from features.events import Int
from features.history import History
from training.curves import curves_from_hazards
from training.evidence.measures import log_losses
from training.evidence.paired import Asked
from training.evidence.rolling import Task
from training.hazard import HazardModel, LandmarkTable
from training.outcomes import Outcomes

__all__ = ["OUTCOMES", "as_trained", "learning_curve", "thinned"]

OUTCOMES = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
Fit = Callable[[Task], HazardModel]


def thinned(task: Task, origin: int, outcomes: int, seed: int = 0, by_chance: bool = False) -> Task:
    """The task as if fewer leads had come in before `origin`: so many that `outcomes` of them were known to be won by
    then, the others in their natural proportion. Nothing from the origin on is there any more.

    by_chance : as many others as come by chance until so many are won, not exactly in proportion; the rate of those
    drawn is then as uncertain as that of a company with so few outcomes.

    Raises ValueError when fewer were won.
    """
    random = np.random.default_rng(seed)
    marks = task.table.landmarks
    there = np.unique(marks.subject[marks.at < origin])
    won = np.intersect1d(there, task.ends.known_at(origin).won_at[0])
    if outcomes > len(won):
        raise ValueError(f"{outcomes} outcomes were asked for, and only {len(won)} were known")
    others = np.setdiff1d(there, won)
    beside = (random.negative_binomial(outcomes, len(won) / len(there)) if by_chance
              else round(len(others) * outcomes / len(won)))
    kept = np.concatenate([random.permutation(won)[:outcomes], random.permutation(others)[:beside]])
    rows = np.flatnonzero((marks.at < origin) & np.isin(marks.subject, kept))
    return replace(task, ends=_of(task.ends.known_at(origin), kept), table=task.table.take(rows),
                   window_end=task.window_end[rows])


def _of(ends: Outcomes, subjects: Int) -> Outcomes:
    signals = tuple(signal.where(np.isin(signal.subject, subjects)) for signal in ends.endings.signals)
    return Outcomes(ends.history, ends.kind, Endings(signals))


def as_trained(model: HazardModel, history: History, table: LandmarkTable,
               window_end: Int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """P(won by the end of its window) of each landmark, (n,), by what the model learned from alone."""
    hazards = model.plain_hazards(history, table)
    return curves_from_hazards(table.landmarks.at, model.edges_days, hazards, history.mapping).win_by(window_end)


def learning_curve(task: Task, whole: HazardModel, fit: Fit, table: LandmarkTable, window_end: Int,
                   answers: Asked) -> list[dict[str, float]]:
    """Log-loss on landmarks after an origin by the number of outcomes learned from.

    whole : the model fitted on all that was known at the origin, which is the last row. fit : fits a thinned task up to
    the same origin. table, window_end, answers : the landmarks and what came of them, (n,). Rows of outcomes, log_loss
    and log_loss_base; only numbers of outcomes are tried that are at most half of those known, so that all of it costs
    little more than one more fit.
    """
    origin, won = whole.as_of, answers.won
    known = len(np.intersect1d(task.table.landmarks.subject[task.table.landmarks.at < origin],
                               task.ends.known_at(origin).won_at[0]))
    base_loss = float(log_losses(answers.plain["base"], won).mean())
    rows = []
    for outcomes in (*(n for n in OUTCOMES if n <= known / 2), known):
        model = whole if outcomes == known else fit(thinned(task, origin, outcomes))
        probability = as_trained(model, task.history, table, window_end)
        rows.append({"outcomes": float(outcomes), "log_loss": float(log_losses(probability, won).mean()),
                     "log_loss_base": base_loss})
    return rows
