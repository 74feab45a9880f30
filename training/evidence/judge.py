"""What earlier origins showed: probabilities against outcomes, beside plain baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from features.history import Int
from training.baselines import state_rate
from training.calibration import expected_calibration_error, scores
from training.curves import curves_from_hazards
from training.evidence.rolling import Fold, Task
from training.hazard import STATE_COLUMNS, LandmarkTable
from training.outcomes import WON, Landmarks, Outcomes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Asked", "judge_fold", "pooled", "reliability_figure", "won_by"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
PERFECT_DRAWS = 500


@dataclass(frozen=True)
class Asked:
    """One fold's questions and answers: `probability` and `won`, (n,)."""

    probability: Floats
    won: Bools


def won_by(ends: Outcomes, landmarks: Landmarks, window_end: Int) -> Bools:
    """Whether each landmark's first end is a win at or before `window_end`, (n,)."""
    state, when = ends.next_end(landmarks.subject, landmarks.at)
    return np.asarray((state == WON) & (when <= window_end), dtype=np.bool_)


def judge_fold(task: Task, fold: Fold, table: LandmarkTable, window_end: Int) -> tuple[dict[str, float], Asked]:
    """Score a fold's model and the baselines on landmarks (n,) whose windows have closed by the task's end."""
    won = won_by(task.ends, table.landmarks, window_end)
    probability = fold.model.curves_of(task.history, table).win_by(window_end)
    state, since, _ = STATE_COLUMNS[task.kind]
    cells = curves_from_hazards(table.landmarks.at, task.edges_days, fold.model.cells.hazards(
        table.features[state], table.features[since].to_numpy(np.float64)), task.history.mapping).win_by(window_end)
    closed = np.flatnonzero((task.table.landmarks.at < fold.origin) & (task.window_end <= fold.origin))
    past = task.table.take(closed)
    past_won = won_by(task.ends.known_at(fold.origin), past.landmarks, task.window_end[closed])
    base, by_state = state_rate(past.features[state], past_won, table.features[state])
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
