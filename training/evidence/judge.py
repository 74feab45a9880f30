"""What earlier origins showed: probabilities against outcomes, beside plain baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.history import Int
from training.baselines import state_rate
from training.calibration import expected_calibration_error, scores
from training.curves import curves_from_hazards
from training.evidence.rolling import Task
from training.hazard import HazardModel, LandmarkTable
from training.outcomes import WON, Landmarks, Outcomes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Asked", "Past", "finite", "judge", "past_at", "pooled", "reliability", "reliability_figure", "won_by"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
PERFECT_DRAWS = 500


@dataclass(frozen=True)
class Asked:
    """One origin's questions and answers: `probability` and `won`, (n,)."""

    probability: Floats
    won: Bools


def won_by(ends: Outcomes, landmarks: Landmarks, window_end: Int) -> Bools:
    """Whether each landmark's first end is a win at or before `window_end`, (n,)."""
    state, when = ends.next_end(landmarks.subject, landmarks.at)
    return np.asarray((state == WON) & (when <= window_end), dtype=np.bool_)


@dataclass(frozen=True)
class Past:
    """Landmarks whose window had closed by an origin: `state` and whether they were `won` in it, (n,)."""

    state: pd.Series
    won: Bools


def past_at(task: Task, origin: int) -> Past:
    """What a rate by stage can be counted from at an origin."""
    marks = task.table.landmarks
    closed = np.flatnonzero((marks.at < origin) & (task.window_end <= origin)
                            & task.ends.is_answered(marks.subject, marks.at, np.minimum(task.window_end, origin)))
    table = task.table.take(closed)
    return Past(table.state(task.kind)[0],
                won_by(task.ends.known_at(origin), table.landmarks, task.window_end[closed]))


def judge(model: HazardModel, ends: Outcomes, table: LandmarkTable, window_end: Int,
          past: Past) -> tuple[dict[str, float], Asked]:
    """Score a model and the baselines of its origin on landmarks (n,) whose windows have closed in `ends`."""
    history = ends.history
    won = won_by(ends, table.landmarks, window_end)
    probability = model.curves_of(history, table).win_by(window_end)
    state, days_in_state = table.state(model.kind)
    cells = curves_from_hazards(table.landmarks.at, model.edges_days, model.cells.hazards(state, days_in_state),
                                history.mapping).win_by(window_end)
    base, by_state = state_rate(past.state, past.won, state)
    figures = scores(probability, won)
    for name, other in (("base", np.full(len(won), base)), ("stage", by_state), ("aj", cells)):
        theirs = scores(other, won)
        figures[f"log_loss_{name}"] = theirs["log_loss"]
        figures[f"auc_{name}"] = theirs["auc"]
    return figures, Asked(probability, won)


def pooled(asked: list[Asked]) -> dict[str, float]:
    """Figures over all folds together, with the calibration error beside a perfect model's at this size.

    ece_perfect_mean and ece_perfect_p95 : the error when outcomes are redrawn from the probabilities themselves.
    """
    probability = np.concatenate([one.probability for one in asked])
    won = np.concatenate([one.won for one in asked])
    figures = scores(probability, won)
    figures["ece"] = expected_calibration_error(probability, won)
    random = np.random.default_rng(0)
    redrawn = [expected_calibration_error(probability, random.random(len(won)) < probability)
               for _ in range(PERFECT_DRAWS)]
    figures["ece_perfect_mean"] = float(np.mean(redrawn))
    figures["ece_perfect_p95"] = float(np.quantile(redrawn, 0.95))
    return figures


def reliability(asked: list[Asked], bins: int = 10) -> list[dict[str, float]]:
    """Predicted and observed share in equally filled bins: rows of predicted, observed, n."""
    probability = np.concatenate([one.probability for one in asked])
    won = np.concatenate([one.won for one in asked])
    order = np.argsort(probability, kind="stable")
    return [{"predicted": float(probability[part].mean()), "observed": float(won[part].mean()), "n": float(len(part))}
            for part in np.array_split(order, bins) if len(part)]


def reliability_figure(rows: list[dict[str, float]], title: str) -> Figure:
    """Predicted against observed share, with a binomial 80% bar for each bin."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    predicted = np.array([row["predicted"] for row in rows])
    observed = np.array([row["observed"] for row in rows])
    error = 1.28 * np.sqrt(np.maximum(observed * (1 - observed), 1e-6) / np.array([row["n"] for row in rows]))
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.errorbar(predicted, observed, yerr=error, fmt="o", color="#1f5fa8", capsize=3)
    axes.set(xlabel="predicted", ylabel="observed", title=title, xlim=(0, 1), ylim=(0, 1))
    return figure


def finite(figures: dict[str, float]) -> dict[str, Any]:
    """The same with None for NaN, as JSON wants it."""
    return {name: value if np.isfinite(value) else None for name, value in figures.items()}
