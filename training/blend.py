"""The blend: one hazard from several voices, with weights earned on earlier origins.

The voices, from the one that needs most outcomes to the one that needs none: "lightgbm", "logistic", "rates" (cells of
state × time in state) and "pooled" (everyone's curve, which knows that the fields say nothing). The blend multiplies
their hazards, each to the power of its weight: a logarithmic pool (Genest & Zidek 1986), which is sharper than a mean.
Its weights maximise the out-of-time likelihood of what happened under a normal prior whose mean depends on how many
wins there were to learn from, so that nothing jumps where data is thin (stacking, after Wolpert 1992).

Voices that were each held back for want of data make a blend that lies too close to everyone's curve. By how much is
learned as well, and stretches the weights: they then add up to more than 1, and pooled's lies below 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp, softmax

from features.events import Int
from features.settings import BlendSettings
from training.margins import hazards_of, margins_of
from training.outcomes import LOST, WON

__all__ = ["VOICES", "blended", "blended_margins", "earned_weights", "learned_stretch", "prior_weights", "stretched"]

Floats = npt.NDArray[np.float64]
FITTED = ("lightgbm", "logistic", "rates")
VOICES = (*FITTED, "pooled")
POOLED_FLOOR = 0.1  # of a trusted voice: after many outcomes too the fields may say nothing
START = 1e-4  # least weight that a search begins with
FARTHEST_STRETCH = (0.5, 2.0)
SURE = 1e-6
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
        Weights that sum to 1; those that do not matter are 0.
    """
    mean = np.array([prior[name] for name in FITTED])
    found = mean
    if len(label):
        everyone = margins_of(hazards["pooled"])
        apart = np.stack([margins_of(hazards[name]) - everyone for name in FITTED], axis=1)
        happened = np.stack([label == WON, label == LOST], axis=1)

        def loss(margin: Floats) -> tuple[float, Floats]:
            weights = softmax(margin)
            said = everyone + np.einsum("rvk,v->rk", apart, weights[:-1])
            total = logsumexp(np.column_stack([np.zeros(len(label)), said]), axis=1)
            wrong = np.exp(said - total[:, None]) - happened
            off = (weights[:-1] - mean) / settings.weight_sd
            value = row_weight * (total.sum() - said[happened].sum()) + off @ off / 2
            slope = np.append(row_weight * np.einsum("rk,rvk->v", wrong, apart) + off / settings.weight_sd, 0.0)
            return float(value), weights * (slope - weights @ slope)

        start = np.log(np.maximum([prior[name] for name in VOICES], START))
        found = softmax(minimize(loss, start, jac=True, method="L-BFGS-B").x)[:-1]
    return _with_pooled(np.where(found < NEGLIGIBLE, 0.0, found))


def learned_stretch(everyone: Floats, apart: Floats, last: Int, won: npt.NDArray[np.bool_], row_weight: float,
                    settings: BlendSettings) -> float:
    """By how much a blend is to be moved away from everyone's curve, from out-of-time landmarks: most probable given
    who was won by the end of the last bin that was seen.

    everyone, apart : (n, m, 2) margins of pooled, and by how much the blend's differ. last : (n,) position of that bin.
    won : (n,) by its end. It is asked of the chance that a score tells, not of hazards bin by bin: what is too timid
    from one day to the next may add up to what is right. Normal around 1 with sd `settings.stretch_sd`.
    """
    rows = np.arange(len(last))

    def unlikely(stretch: float) -> float:
        hazards = hazards_of(everyone + stretch * apart)
        left = np.cumprod(hazards[..., 0], axis=1)
        hazards[:, 1:, 1] *= left[:, :-1]
        chance = np.clip(np.cumsum(hazards[..., 1], axis=1)[rows, last], SURE, 1.0 - SURE)
        happened = np.log(np.where(won, chance, 1.0 - chance)).sum()
        return float(((stretch - 1.0) / settings.stretch_sd) ** 2 / 2 - row_weight * happened)

    return float(minimize_scalar(unlikely, bounds=FARTHEST_STRETCH, method="bounded", options={"xatol": 0.01}).x)


def stretched(weights: dict[str, float], stretch: float) -> dict[str, float]:
    """Weights that move the blend so much further from everyone's curve; pooled's may come to lie below 0."""
    return _with_pooled(stretch * np.array([weights[name] for name in FITTED]))


def _with_pooled(fitted: Floats) -> dict[str, float]:
    """Rounded, and pooled has what is left to 1."""
    kept = np.round(fitted, 4).tolist()
    return {**dict(zip(FITTED, kept, strict=True)), "pooled": round(1.0 - sum(kept), 4) + 0.0}


def blended_margins(hazards: dict[str, Floats], weights: dict[str, float]) -> Floats:
    """Margins (…, 2) of the voices' hazards (…, 3) mixed by their weights; those without weight need not be there."""
    return np.asarray(sum(weights[name] * margins_of(hazards[name]) for name in VOICES if weights[name]),
                      dtype=np.float64)


def blended(hazards: dict[str, Floats], weights: dict[str, float]) -> Floats:
    """The voices' hazards (…, 3) mixed by their weights."""
    return hazards_of(blended_margins(hazards, weights))
