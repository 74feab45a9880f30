"""Calibration of hazards, and the figures that say how right probabilities are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.events import Int
from training.margins import hazards_of, margins_of
from training.outcomes import LOST, OPEN, WON

__all__ = ["Calibrator", "age_state_groups", "choose_calibrator", "expected_calibration_error", "scores"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
CLEAR = 1.5  # standard errors of the gain over folds


@dataclass(frozen=True)
class Calibrator:
    """Additive log-hazard offsets for winning and losing: `pooled` for all, `groups` on top for each group.

    The outputs are never recalibrated: curves, scores and forecasts all follow from the calibrated hazards.
    """

    pooled: tuple[float, float] = (0.0, 0.0)
    groups: dict[str, tuple[float, float]] | None = None

    @staticmethod
    def learn(hazards: Floats, label: Int, group: Texts, prior_events: float, *, by_group: bool) -> Calibrator:
        """Learn from out-of-time rows: hazards (rows, 3), what happened (rows,), and each row's group (rows,)."""
        pooled = _offsets(hazards, label, prior_events)
        if not by_group:
            return Calibrator(pooled)
        shifted = shift_hazards(hazards, np.array(pooled))
        groups = {str(name): _offsets(shifted[group == name], label[group == name], prior_events)
                  for name in np.unique(group.astype(str))}
        return Calibrator(pooled, groups)

    def apply(self, hazards: Floats, group: Texts) -> Floats:
        """Calibrate hazards (n, m, 3) of subjects in groups (n,)."""
        return shift_hazards(hazards, self.offsets(group)[:, None, :])

    def offsets(self, group: Texts) -> Floats:
        """Offsets (n, 2) of subjects in groups (n,)."""
        offsets = np.tile(np.array(self.pooled), (len(group), 1))
        if self.groups:
            offsets = offsets + np.array([self.groups.get(name, (0.0, 0.0)) for name in group.tolist()]).reshape(-1, 2)
        return offsets

    def to_dict(self) -> dict[str, Any]:
        return {"pooled": list(self.pooled), "groups": {k: list(v) for k, v in sorted((self.groups or {}).items())}}

    @staticmethod
    def from_dict(content: dict[str, Any]) -> Calibrator:
        pooled = content["pooled"]
        return Calibrator((pooled[0], pooled[1]), {k: (v[0], v[1]) for k, v in content["groups"].items()} or None)


def shift_hazards(hazards: Floats, offsets: Floats) -> Floats:
    """Multiply the odds of winning and of losing against going on by exp(offsets). Shapes (…, 3), (…, 2).

    Of small hazards that multiplies the hazards themselves; where nearly all end in a bin, more wins are fewer losses.
    """
    return hazards_of(margins_of(hazards) + offsets)


def _offsets(hazards: Floats, label: Int, prior_events: float) -> tuple[float, float]:
    """Log of observed over expected wins and losses, each against that of going on."""
    observed = np.bincount(label, minlength=3) + prior_events
    log_ratio = np.log(observed / (hazards.sum(axis=0) + prior_events))
    return float(log_ratio[WON] - log_ratio[OPEN]), float(log_ratio[LOST] - log_ratio[OPEN])


def age_state_groups(age_days: Floats, state: Texts, cycle_days: float) -> Texts:
    """Calibration group of each subject: coarse age band (below half, up to one and a half cycles, older) × state."""
    band = np.searchsorted([0.5 * cycle_days, 1.5 * cycle_days], age_days, side="right")
    return np.array([f"{b}|{'(none)' if s is None or s != s else s}" for b, s in zip(band, state, strict=True)],
                    dtype=object)


def choose_calibrator(hazards: Floats, label: Int, group: Texts, fold: Int, seen_by: Floats,
                      prior_events: float) -> Calibrator:
    """Choose none, pooled or grouped offsets by out-of-time log-loss, then learn them from all rows.

    hazards (rows, 3), label, group, fold (rows,): out-of-time rows of earlier origins, numbered in time. seen_by
    (rows,) : number of the first fold at whose origin the row's outcome was known. A fold is judged with offsets
    learned from what was known at its own origin. Offsets are kept only where their gain over the folds is CLEAR times
    its standard error: the level moves from fold to fold, and one that helped once or twice need not go on.
    """
    gains: dict[bool, list[float]] = {True: [], False: []}
    for k in np.unique(fold)[1:]:
        before, here = seen_by <= k, fold == k
        if not before.any():
            continue
        plain = _row_loss(hazards[here], label[here])
        for by_group in gains:
            learned = Calibrator.learn(hazards[before], label[before], group[before], prior_events, by_group=by_group)
            shifted = learned.apply(hazards[here][:, None, :], group[here])[:, 0, :]
            gains[by_group].append(plain - _row_loss(shifted, label[here]))
    by_group = sum(gains[True]) > sum(gains[False])
    gain = np.array(gains[by_group])
    if gain.sum() <= CLEAR * np.sqrt((gain**2).sum()):
        return Calibrator()
    return Calibrator.learn(hazards, label, group, prior_events, by_group=by_group)


def _row_loss(hazards: Floats, label: Int) -> float:
    return float(-np.log(np.maximum(hazards[np.arange(len(label)), label], 1e-12)).sum())


def scores(probability: Floats, won: npt.NDArray[np.bool_]) -> dict[str, float]:
    """AUC, log-loss, Brier score, predicted over actual and counts of n probabilities. AUC is NaN for one class, and
    all but the counts of none at all."""
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    if not len(won):
        return {"n": 0.0, "won": 0.0, **dict.fromkeys(("auc", "log_loss", "brier", "predicted_over_actual"), np.nan)}
    both = won.any() and not won.all()
    return {
        "n": float(len(won)), "won": float(won.sum()),
        "auc": float(roc_auc_score(won, probability)) if both else float("nan"),
        "log_loss": float(log_loss(won, np.clip(probability, 1e-6, 1 - 1e-6), labels=[False, True])),
        "brier": float(brier_score_loss(won, probability)),
        "predicted_over_actual": float(probability.sum() / max(won.sum(), 1)),
    }


def expected_calibration_error(probability: Floats, won: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Mean gap between predicted and observed share over equally filled bins, weighted by their size (0 is perfect)."""
    order = np.argsort(probability, kind="stable")
    return float(sum(abs(probability[part].sum() - won[part].sum()) for part in np.array_split(order, bins))
                 / max(len(won), 1))
