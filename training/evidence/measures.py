"""Figures of probabilities against outcomes: how well they rank, how right they are, and how right a perfect model is.

In: (n,) probabilities and whether each was won; rows of one subject go together where chance is concerned. A figure
that cannot be had (one class only, all probabilities equal) is NaN.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.events import Int
from training.calibration import expected_calibration_error, scores

__all__ = ["figures", "lift", "log_losses", "perfect_errors", "recalibration", "reliability"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
PERFECT_DRAWS = 500
BINS = 10
SMALLEST = 1e-6  # as in `scores`: no single row may cost without bound


def figures(probability: Floats, won: Bools, subject: Int | None = None) -> dict[str, float]:
    """All figures of n probabilities; `subject` (n,) says which rows are of one lead or deal.

    Beside those of `scores`:
    average_precision : area under precision by recall; the share won when nothing is known.
    brier_reliability, brier_resolution, brier_uncertainty : brier = reliability - resolution + uncertainty exactly.
        Reliability is the mean squared gap between predicted and observed share over equally filled bins, uncertainty
        the score of the share won, and resolution what is left (Stephenson, Coelho & Jolliffe 2008, whose generalised
        resolution takes in the spread inside bins).
    slope, intercept : of a logistic regression of the outcome on the log-odds (Cox 1958). 1 and 0 are right; a slope
        below 1 says that the probabilities are too far apart.
    ece, ece_perfect_mean, ece_perfect_p95 : calibration error, and that of outcomes redrawn from the probabilities
        themselves, which a perfect model has at this n.
    """
    found = scores(probability, won)
    found["average_precision"] = _average_precision(probability, won)
    found |= _brier_parts(probability, won, found["brier"])
    found["slope"], found["intercept"] = recalibration(probability, won)
    found["ece"] = expected_calibration_error(probability, won, BINS)
    perfect = perfect_errors(probability, np.arange(len(won)) if subject is None else subject)
    found["ece_perfect_mean"] = float(np.mean(perfect))
    found["ece_perfect_p95"] = float(np.quantile(perfect, 0.95))
    return found


def log_losses(probability: Floats, won: Bools) -> Floats:
    """Log-loss of each row, (n,)."""
    bounded = np.clip(probability, SMALLEST, 1.0 - SMALLEST)
    return np.asarray(-np.log(np.where(won, bounded, 1.0 - bounded)), dtype=np.float64)


def _average_precision(probability: Floats, won: Bools) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(won, probability)) if won.any() else float("nan")


def _brier_parts(probability: Floats, won: Bools, brier: float) -> dict[str, float]:
    rows = reliability(probability, won)
    gap = sum(row["n"] * (row["predicted"] - row["observed"]) ** 2 for row in rows) / max(len(won), 1)
    uncertainty = float(won.mean() * (1.0 - won.mean()))
    return {"brier_reliability": gap, "brier_resolution": uncertainty + gap - brier, "brier_uncertainty": uncertainty}


def recalibration(probability: Floats, won: Bools) -> tuple[float, float]:
    """Slope and intercept of logistic recalibration; NaN for one class or for equal probabilities."""
    from sklearn.linear_model import LogisticRegression

    bounded = np.clip(probability, SMALLEST, 1.0 - SMALLEST)
    log_odds = np.log(bounded / (1.0 - bounded))
    if won.all() or not won.any() or np.ptp(log_odds) < 1e-9:
        return float("nan"), float("nan")
    fitted = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(log_odds[:, None], won)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def perfect_errors(probability: Floats, subject: Int) -> Floats:
    """Calibration errors of outcomes redrawn from the probabilities, (PERFECT_DRAWS,). Rows of one subject share their
    luck, because the same lead's outcomes do."""
    random = np.random.default_rng(0)
    _, code = np.unique(subject, return_inverse=True)
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, BINS)
    starts = np.cumsum([0, *(len(part) for part in parts if len(part))])[:-1]
    sorted_probability, sorted_code = probability[order], code[order]
    n = max(len(order), 1)
    errors = [np.abs(np.add.reduceat(sorted_probability - (random.random(code.max(initial=-1) + 1)[sorted_code]
                                                           < sorted_probability), starts)).sum() / n
              for _ in range(PERFECT_DRAWS)]
    return np.array(errors, dtype=np.float64)


def reliability(probability: Floats, won: Bools) -> list[dict[str, float]]:
    """Predicted and observed share in equally filled bins, low to high: rows of predicted, observed, n."""
    order = np.argsort(probability, kind="stable")
    return [{"predicted": float(probability[part].mean()), "observed": float(won[part].mean()), "n": float(len(part))}
            for part in np.array_split(order, BINS) if len(part)]


def lift(probability: Floats, won: Bools) -> list[dict[str, float]]:
    """By tenth of the probability, highest first: n, rate won, lift over the rate of all, and the share of all wins
    that are found up to this tenth. Empty where nothing was won."""
    if not won.any():
        return []
    order = np.argsort(-probability, kind="stable")
    rows, found = [], 0.0
    for part in np.array_split(order, BINS):
        if not len(part):
            continue
        found += float(won[part].sum())
        rows.append({"n": float(len(part)), "rate": float(won[part].mean()),
                     "lift": float(won[part].mean() / won.mean()), "found": found / float(won.sum())})
    return rows
