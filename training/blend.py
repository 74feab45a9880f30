"""The blend: one hazard from several voices, with weights earned on earlier origins.

The voices, from the one that needs most outcomes to the one that needs none: "lightgbm", "logistic", "rates" (cells of
state × time in state) and "pooled" (everyone's curve, which knows that the fields say nothing). The blend multiplies
their hazards, each to the power of its weight: a logarithmic pool (Genest & Zidek 1986). Its weights maximise the
out-of-time likelihood of what happened under a normal prior whose mean depends on how many wins there were to learn
from, so that nothing jumps where data is thin (stacking, after Wolpert 1992). The problem is convex, a multinomial
regression on what each voice says apart from pooled. Voices that are each right pull a mean of them towards each other
and so to the middle (Ranjan & Gneiting 2010); here their weights may add up to more than 1, which spreads them again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp

from features.history import Int
from features.settings import BlendSettings
from training.margins import hazards_of, margins_of
from training.outcomes import LOST, WON

__all__ = ["VOICES", "blended", "blended_margins", "earned_weights", "prior_weights"]

Floats = npt.NDArray[np.float64]
FITTED = ("lightgbm", "logistic", "rates")
VOICES = (*FITTED, "pooled")
POOLED_FLOOR = 0.1  # of a trusted voice: after many outcomes too the fields may say nothing
NEGLIGIBLE = 0.02  # a voice below this weight is left out, and need not be computed


def prior_weights(wins: int, settings: BlendSettings) -> dict[str, float]:
    """Weights before there is evidence: a voice's trust grows with the wins that it was learned from, and what the
    simplest is not trusted with is pooled's. Without wins pooled speaks alone; with very many the others are equal."""
    trust = {name: wins**2 / (wins**2 + half**2) for name, half in settings.half_trusted_at_wins.model_dump().items()}
    trust["pooled"] = max(1.0 - trust["rates"], POOLED_FLOOR)
    total = sum(trust.values())
    return {name: trust[name] / total for name in VOICES}


def earned_weights(hazards: dict[str, Floats], label: Int, row_weight: float, prior: dict[str, float],
                   settings: BlendSettings) -> dict[str, float]:
    """Weights from out-of-time rows.

    Parameters
    ----------
    hazards : dict of (rows, 3)
        What each voice said.
    label : (rows,)
        What happened.
    row_weight : float
        What a row counts: subjects over landmarks, since the rows of one subject say much the same.
    prior : dict
        Mean of the weights before there is evidence; each is normal around it with sd `settings.weight_sd`.

    Returns
    -------
    dict
        Weights that sum to 1, rounded; those of other voices than "pooled" are at least 0, and 0 where they do not
        matter. Pooled's is below 0 where the others together are surer than they are one by one.
    """
    mean = np.array([prior[name] for name in FITTED])
    found = mean
    if len(label):
        everyone = margins_of(hazards["pooled"])
        apart = np.stack([margins_of(hazards[name]) - everyone for name in FITTED], axis=1)
        happened = np.stack([label == WON, label == LOST], axis=1)

        def loss(weights: Floats) -> tuple[float, Floats]:
            margin = everyone + np.einsum("rvk,v->rk", apart, weights)
            total = logsumexp(np.column_stack([np.zeros(len(label)), margin]), axis=1)
            wrong = np.exp(margin - total[:, None]) - happened
            off = (weights - mean) / settings.weight_sd
            value = row_weight * (total.sum() - margin[happened].sum()) + off @ off / 2
            return float(value), row_weight * np.einsum("rk,rvk->v", wrong, apart) + off / settings.weight_sd

        found = minimize(loss, mean, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(FITTED)).x
    kept = np.round(np.where(found < NEGLIGIBLE, 0.0, found), 4).tolist()
    return {**dict(zip(FITTED, kept, strict=True)), "pooled": round(1.0 - sum(kept), 4)}


def blended_margins(hazards: dict[str, Floats], weights: dict[str, float]) -> Floats:
    """Margins (…, 2) of the voices' hazards (…, 3) mixed by their weights; those without weight need not be there."""
    return np.asarray(sum(weights[name] * margins_of(hazards[name]) for name in VOICES if weights[name]),
                      dtype=np.float64)


def blended(hazards: dict[str, Floats], weights: dict[str, float]) -> Floats:
    """The voices' hazards (…, 3) mixed by their weights."""
    return hazards_of(blended_margins(hazards, weights))
