"""The blend: one hazard from several voices, with weights earned on earlier origins.

The voices, from the one that needs most outcomes to the one that needs none: "lightgbm", "logistic", "rates" (cells of
state × time in state) and "pooled" (everyone's curve, which knows that the fields say nothing). The blend is a mixture
of their hazards. Its weights maximise the out-of-time likelihood of what happened under a Dirichlet prior whose mean
depends on how many wins there were to learn from, so that nothing jumps where data is thin (stacking, after Wolpert
1992; a linear pool keeps the problem convex).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import softmax

from features.settings import BlendSettings

__all__ = ["VOICES", "blended", "earned_weights", "prior_weights"]

Floats = npt.NDArray[np.float64]
VOICES = ("lightgbm", "logistic", "rates", "pooled")
POOLED_FLOOR = 0.1  # of a trusted voice: after many outcomes too the fields may say nothing
NEGLIGIBLE = 0.02  # a voice below this weight is left out, and need not be computed


def prior_weights(wins: int, settings: BlendSettings) -> dict[str, float]:
    """Weights before there is evidence: a voice's trust grows with the wins that it was learned from, and what the
    simplest is not trusted with is pooled's. Without wins pooled speaks alone; with very many the others are equal."""
    trust = {name: wins**2 / (wins**2 + half**2) for name, half in settings.half_trusted_at_wins.model_dump().items()}
    trust["pooled"] = max(1.0 - trust["rates"], POOLED_FLOOR)
    total = sum(trust.values())
    return {name: trust[name] / total for name in VOICES}


def earned_weights(likelihood: dict[str, Floats], row_weight: float, prior: dict[str, float],
                   settings: BlendSettings) -> dict[str, float]:
    """Weights from out-of-time rows.

    Parameters
    ----------
    likelihood : dict of (rows,)
        Each voice's hazard of what happened in each row.
    row_weight : float
        What a row counts: subjects over landmarks, since the rows of one subject say much the same.
    prior : dict
        Mean of the weights' Dirichlet prior, which counts as `settings.prior_subjects` subjects.

    Returns
    -------
    dict
        Weights that sum to 1, rounded; those that do not matter are 0.
    """
    mean = np.array([prior[name] for name in VOICES])
    found = mean
    if len(likelihood["pooled"]):
        matrix = np.maximum(np.stack([likelihood[name] for name in VOICES], axis=1), 1e-12)
        pull = settings.prior_subjects * mean

        def loss(margin: Floats) -> tuple[float, Floats]:
            weights = softmax(margin)
            mixed = matrix @ weights
            share = weights * (row_weight * (matrix / mixed[:, None]).sum(axis=0))  # what each voice explains
            value = -row_weight * np.log(mixed).sum() - pull @ np.log(weights)
            return float(value), weights * (share.sum() + pull.sum()) - share - pull

        found = softmax(minimize(loss, np.log(np.maximum(mean, 1e-9)), jac=True, method="L-BFGS-B").x)
    kept = np.where(found < NEGLIGIBLE, 0.0, found)
    kept = np.round(kept / kept.sum(), 4)
    kept[kept.argmax()] += 1.0 - kept.sum()
    return dict(zip(VOICES, kept.tolist(), strict=True))


def blended(hazards: dict[str, Floats], weights: dict[str, float]) -> Floats:
    """The voices' hazards (…, 3) mixed by their weights."""
    return np.asarray(sum(weights[name] * hazards[name] for name in VOICES if weights[name] > 0.0), dtype=np.float64)
