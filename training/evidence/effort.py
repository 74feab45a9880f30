"""What working leads in some order reaches, and what it takes: figures of past worklists beside other orders.

In: `Case`s, each a list of leads as it could have been drawn up at one moment, with what became of them. Out: per band
of intent and together, for each order: the AUC (0.5 tells nothing), the share of conversions reached by working the
first 10, 20 and 30% of the leads (and of the conversions' amounts by the first 20%), the share of leads that it takes
to reach 50 and 80% of the conversions, and paired differences to the model's order. Leads with equal points are worked
in random order, and a random order is one in which all points are equal: both are computed exactly, as expectations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from features.calendar import DAY

__all__ = ["MEASURES", "ORDERS", "TOGETHER", "Case", "effort", "in_words", "needed", "reached"]

Floats = npt.NDArray[np.float64]
SHARES = {"reached_10": 0.1, "reached_20": 0.2, "reached_30": 0.3, "amount_20": 0.2, "needed_50": 0.5,
          "needed_80": 0.8}
MEASURES = ("auc", *SHARES)
TOGETHER = "all"
MODEL = "model"
ORDERS = (MODEL, "expected value", "rules", "newest first", "random")
FEWEST_BLOCKS = 5  # independent stretches of time below which no interval is given
FEWEST_DATES = 5  # fewer tell nothing where there is no interval
COUNTED = "only counted"  # the verdict where there are fewer stretches, and all dates agree
LEVEL = 0.90


@dataclass(frozen=True)
class Case:
    """Leads that could have been worked at one moment of an origin's time: points by order, whether they converted,
    what that would bring and the band of intent, (n,) each."""

    origin: int
    points: dict[str, Floats]
    won: npt.NDArray[np.bool_]
    amount: Floats
    band: npt.NDArray[np.object_]

    def of(self, band: str) -> Case:
        if band == TOGETHER:
            return self
        kept = self.band == band
        return Case(self.origin, {name: one[kept] for name, one in self.points.items()}, self.won[kept],
                    self.amount[kept], self.band[kept])

    def measured(self, order: str) -> dict[str, float]:
        """MEASURES of one order. amount_20 is the share of the conversions' amounts instead of their number."""
        points = self.points[order]
        weighed = {"amount_20": self.won * self.amount}
        return {"auc": float(roc_auc_score(self.won, points)), **{
            name: needed(points, self.won, share) if name.startswith("needed") else
            reached(points, weighed.get(name, self.won), share) for name, share in SHARES.items()}}


def reached(points: Floats, won: npt.NDArray[np.generic], share: float) -> float:
    """Share of the conversions (or of what they weigh) among the first `share` of n leads by points, in expectation
    over ties.

    0 to 1; `share` itself for a random order, 1 at best. NaN without a conversion. Its ratio to `share` is the lift.
    """
    size, wins = _steps(points, won)
    before = np.concatenate([[0], np.cumsum(size)])
    part = np.clip((share * len(won) - before[:-1]) / size, 0.0, 1.0)
    return float((part * wins).sum() / wins.sum()) if wins.sum() else float("nan")


def needed(points: Floats, won: npt.NDArray[np.bool_], share: float) -> float:
    """Share of n leads that are worked until `share` of the conversions, rounded up, are reached, in expectation.

    0 to 1, lower is better. Among t leads of equal points with w conversions the j-th comes at place j(t + 1)/(w + 1)
    on average. NaN without a conversion.
    """
    size, wins = _steps(points, won)
    if not wins.sum():
        return float("nan")
    wanted = np.ceil(share * wins.sum() - 1e-9)
    step = int(np.searchsorted(np.cumsum(wins), wanted))
    missing = wanted - wins[:step].sum()
    return float((size[:step].sum() + missing * (size[step] + 1) / (wins[step] + 1)) / len(won))


def _steps(points: Floats, won: npt.NDArray[np.generic]) -> tuple[Floats, Floats]:
    """Leads and conversions by distinct points, most points first."""
    _, step = np.unique(-points, return_inverse=True)
    return (np.bincount(step).astype(np.float64), np.bincount(step, weights=won).astype(np.float64))


def effort(cases: list[Case], horizon_days: float) -> list[dict[str, Any]]:
    """Figures for each band of intent and together, over all origins: a list of

    band, leads and conversions (over all lists), origins (with a conversion in the band); orders: by name the mean of
    each of MEASURES over origins; against: by name of each other order and measure, how the model compares.

    An origin's figure is the mean over its lists that hold both a conversion and none.
    """
    bands = sorted({str(one) for case in cases for one in case.band})
    return [_band(band, [case.of(band) for case in cases], horizon_days)
            for band in ([TOGETHER, *bands] if len(bands) > 1 else [TOGETHER])]


def _band(band: str, cases: list[Case], horizon_days: float) -> dict[str, Any]:
    with_wins = [case for case in cases if case.won.any() and not case.won.all()]
    origins = sorted({case.origin for case in with_wins})
    names = list(with_wins[0].points) if with_wins else []
    by_origin = {name: {measure: np.zeros(len(origins)) for measure in MEASURES} for name in names}
    for i, origin in enumerate(origins):
        ours = [case for case in with_wins if case.origin == origin]
        for name in names:
            figures = [case.measured(name) for case in ours]
            for measure in MEASURES:
                by_origin[name][measure][i] = np.mean([one[measure] for one in figures])
    against = {name: {measure: _compared(by_origin[MODEL][measure], by_origin[name][measure], measure, origins,
                                         horizon_days) for measure in MEASURES} for name in names if name != MODEL}
    return {"band": band, "leads": int(sum(len(case.won) for case in cases)),
            "conversions": int(sum(case.won.sum() for case in cases)), "origins": len(origins),
            "orders": {name: {measure: float(values.mean()) for measure, values in by_origin[name].items()}
                       for name in names},
            "against": against}


def _compared(ours: Floats, theirs: Floats, measure: str, origins: list[int], horizon_days: float) -> dict[str, Any]:
    """The model less another order, paired by origin: the mean, at how many origins it is better and worse, and a 90%
    interval (t) over stretches of time as long as the horizon, where there are at least FEWEST_BLOCKS of them. Fewer
    are only counted, since origins within one horizon share leads."""
    difference = ours - theirs
    gain = -difference if measure.startswith("needed") else difference
    better, worse = int((gain > 1e-9).sum()), int((gain < -1e-9).sum())
    block = np.array([int((origin - origins[0]) / DAY // horizon_days) for origin in origins])
    means = np.array([gain[block == one].mean() for one in np.unique(block)])
    lower = upper = None
    verdict = ("too few to tell" if len(gain) < FEWEST_DATES else
               COUNTED if len(gain) in (better, worse) else "no difference")
    if len(means) >= FEWEST_BLOCKS:
        half = float(t.ppf((1 + LEVEL) / 2, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means)))
        lower, upper = float(means.mean() - half), float(means.mean() + half)
        verdict = "better" if lower > 0 else "worse" if upper < 0 else "no difference"
    return {"difference": float(difference.mean()), "gain": float(gain.mean()), "lower": lower, "upper": upper,
            "better": better, "worse": worse, "of": len(gain), "verdict": verdict}


def in_words(compared: dict[str, Any]) -> str:
    """A difference to another order, and what may be said of it: "+12% (better at 3 of 6 dates: no difference)"."""
    counted = f"better at {compared['better']} of {compared['of']} dates"
    verdict = "" if compared["verdict"] == COUNTED else f": {compared['verdict']}"
    return f"{compared['difference']:+.0%} ({counted}{verdict})"
