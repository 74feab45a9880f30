"""A forecast of ours as a whole distribution: quantiles at `distributions.LEVELS` from what a forecast tells."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import norm

from training.evidence.distributions import LEVELS, Floats

__all__ = ["quantiles_told"]


def quantiles_told(said: Mapping[str, float]) -> Floats:
    """Quantiles (39,) through P10, P50 and P90, by a normal distribution whose two halves differ in width; a number or
    an amount is never below 0."""
    z = norm.ppf(LEVELS) / norm.ppf(0.9)
    lower, upper = said["p50"] - said["p10"], said["p90"] - said["p50"]
    return np.asarray(np.maximum(said["p50"] + np.where(z < 0, lower, upper) * z, 0.0), dtype=np.float64)
