"""How right forecasts are that are whole distributions, given as quantiles.

In: quantiles at LEVELS, (..., 39), and what came, (...). Out: a score for each, in the unit of what is forecast, lower
being better; shares and PIT between 0 and 1. All scores are proper: nobody gains by saying anything but what he
believes (Gneiting & Raftery 2007, *Strictly Proper Scoring Rules, Prediction, and Estimation*).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["DEAL_LEVELS", "LEVELS", "MEDIAN", "SHARES", "covered", "crps", "deal_losses", "interval", "interval_score",
           "pinball", "pit", "pit_histogram", "quantiles_of"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Every 2.5%, so that the ends of the 50%, 80% and 95% intervals are among them.
LEVELS: Floats = np.arange(1, 40) / 40
MEDIAN = 19  # of LEVELS
SHARES = (0.5, 0.8, 0.95)
PIT_BINS = 10
# What is told of one deal: of its date and its amount P10, P50 and P90.
DEAL_LEVELS: Floats = np.array([0.1, 0.5, 0.9])


def quantiles_of(draws: Floats) -> Floats:
    """Quantiles (39,) of draws (n,)."""
    return np.asarray(np.quantile(draws, LEVELS), dtype=np.float64)


def pinball(quantiles: Floats, actual: Floats, levels: Floats = LEVELS) -> Floats:
    """Pinball loss of each quantile, (..., k): (level − [actual < q]) × (actual − q); 0 for one that is right."""
    gap = np.asarray(actual, dtype=np.float64)[..., None] - quantiles
    return np.maximum(levels * gap, (levels - 1.0) * gap)


def crps(quantiles: Floats, actual: Floats) -> Floats:
    """Continuous ranked probability score: twice the mean pinball loss over the levels.

    Of a forecast without any width it is the absolute error.
    """
    return np.asarray(2.0 * pinball(quantiles, actual).mean(axis=-1), dtype=np.float64)


def deal_losses(said: Floats, came: Floats) -> dict[str, Floats]:
    """Per deal, of quantiles (n, 3) at DEAL_LEVELS and what came (n,): mean pinball loss and error of the median, in
    their unit, and whether the 80% interval held it."""
    return {"pinball": pinball(said, came, DEAL_LEVELS).mean(axis=1), "median_error": np.abs(came - said[:, 1]),
            "held": ((said[:, 0] <= came) & (came <= said[:, 2])).astype(np.float64)}


def interval(quantiles: Floats, share: float) -> tuple[Floats, Floats]:
    """Ends of the central interval that should hold `share` of what comes; `share` is one of SHARES."""
    low = round((1.0 - share) / 2.0 * 40) - 1
    return quantiles[..., low], quantiles[..., -1 - low]


def covered(quantiles: Floats, actual: Floats, share: float) -> Bools:
    """Whether what came lies in the interval, its ends included."""
    low, high = interval(quantiles, share)
    return np.asarray((low <= actual) & (actual <= high), dtype=np.bool_)


def interval_score(quantiles: Floats, actual: Floats, share: float) -> Floats:
    """Winkler's interval score: the width, plus 2 / (1 − share) times by how much the interval was missed."""
    low, high = interval(quantiles, share)
    missed = np.maximum(low - actual, 0.0) + np.maximum(actual - high, 0.0)
    return np.asarray(high - low + 2.0 / (1.0 - share) * missed, dtype=np.float64)


def pit(quantiles: Floats, actual: Floats) -> Floats:
    """Where in its forecast each value lies (n,), of quantiles (n, 39): evenly spread over 0 to 1 when they are right.

    Below the lowest and above the highest quantile it is the middle of what lies there. Where several quantiles are
    equal to the value, as of numbers that are whole, it is the middle of their levels.
    """
    below, up_to = (quantiles < actual[:, None]).sum(axis=1), (quantiles <= actual[:, None]).sum(axis=1)
    row = np.arange(len(actual))
    inside = (below == up_to) & (below > 0) & (below < len(LEVELS))
    left, right = quantiles[row, np.maximum(below - 1, 0)], quantiles[row, np.minimum(below, len(LEVELS) - 1)]
    share = np.where(inside, (actual - left) / np.where(right > left, right - left, 1.0), 0.5)
    between = (below + share) / 40
    return np.asarray(np.where(below == up_to, between, (below + up_to + 1) / 80), dtype=np.float64)


def pit_histogram(values: Floats) -> list[int]:
    """How many PIT values lie in each tenth: even when the forecasts are right, high at both ends when they are too
    sure of themselves, and sloping when they are biased."""
    return [int(n) for n in np.histogram(values, bins=PIT_BINS, range=(0.0, 1.0))[0]]
