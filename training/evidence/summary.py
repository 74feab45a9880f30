"""What is kept of a model's evaluation, as plain JSON: the report and the model card are written from it alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.calibration import scores
from training.evidence.measures import figures, lift, log_losses, recalibration, reliability
from training.evidence.paired import MIN_BLOCKS, Asked, blocks, differences, verdict

__all__ = ["UNTESTED", "finite", "summary"]

UNTESTED = ("Not tested: no earlier date has both enough behind it and its outcomes after it. "
            "Nothing is claimed for this model.")
SMALLEST_SEGMENT = 30  # rows; smaller ones are put together
MOST_SEGMENTS = 12


def summary(asked: list[Asked], window_days: float) -> dict[str, Any]:
    """Everything that the origins showed together.

    pooled : the model's figures. plain : those of each plain model. differences, verdict : see
    `training.evidence.paired`. blocks : independent stretches of time. reliability, lift : by equal tenths. segments :
    by name, a row for each level. Without an origin all are empty, and the verdict says so.
    """
    if not asked:
        return {"pooled": {}, "plain": {}, "differences": {}, "blocks": 0, "min_blocks": MIN_BLOCKS, "reliability": [],
                "lift": [], "segments": {}, "verdict": {"skill": False, "not_worse": False, "sentence": UNTESTED}}
    probability, won, subject = (np.concatenate([getattr(one, name) for one in asked])
                                 for name in ("probability", "won", "subject"))
    plain = {name: np.concatenate([one.plain[name] for one in asked]) for name in asked[0].plain}
    found = differences(asked, window_days)
    said = verdict(asked, window_days, found)
    return {
        "pooled": finite(figures(probability, won, subject)),
        "plain": {name: finite(_brief(values, won)) for name, values in plain.items()},
        "differences": found, "verdict": vars(said) | {}, "blocks": int(blocks(asked, window_days).max()) + 1,
        "min_blocks": MIN_BLOCKS, "reliability": reliability(probability, won), "lift": lift(probability, won),
        "segments": {name: _segment(name, asked) for name in sorted(asked[0].segments)},
    }


def _brief(probability: np.ndarray[Any, Any], won: np.ndarray[Any, Any]) -> dict[str, float]:
    from sklearn.metrics import average_precision_score

    found = scores(probability, won)
    found["slope"] = recalibration(probability, won)[0]
    found["average_precision"] = float(average_precision_score(won, probability)) if won.any() else float("nan")
    return found


def _segment(name: str, asked: list[Asked]) -> list[dict[str, Any]]:
    """Rows of level, n, won, predicted over actual, AUC, log-loss and the base rate's; the most frequent first, the
    small ones together as "other"."""
    level = np.concatenate([one.segments[name] for one in asked])
    probability, base, won = (np.concatenate(parts) for parts in zip(
        *((one.probability, one.plain["base"], one.won) for one in asked), strict=True))
    names, count = np.unique(level.astype(str), return_counts=True)
    order = np.argsort(-count, kind="stable")
    kept = [str(names[i]) for i in order if count[i] >= SMALLEST_SEGMENT][:MOST_SEGMENTS]
    rows = []
    for one in (*kept, "other"):
        here = ~np.isin(level.astype(str), kept) if one == "other" else level == one
        if not here.any():
            continue
        found = scores(probability[here], won[here])
        rows.append({"level": one, **finite({
            "n": found["n"], "won": found["won"], "predicted": float(probability[here].mean()),
            "observed": float(won[here].mean()), "auc": found["auc"], "log_loss": found["log_loss"],
            "log_loss_base": float(log_losses(base[here], won[here]).mean())})})
    return rows


def finite(found: dict[str, float]) -> dict[str, Any]:
    """The same with None for NaN, as JSON wants it."""
    return {name: value if np.isfinite(value) else None for name, value in found.items()}
