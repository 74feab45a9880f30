"""Would ranges be better if they also adapted to past misses one by one, as adaptive conformal inference does?

The shared shock learns its spread from past errors at each training. Adaptive conformal inference (Gibbs & Candès 2021,
*Adaptive Conformal Inference Under Distribution Shift*) needs no model of them: after each miss the next range is
wider, after each hit a little narrower, so that in the long run as many hold as are meant to. Here it is put on top,
and both are scored at the same dates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.figures import backtest, bpic2012, quarters
from training.evidence.backtested import forecasts_of
from training.evidence.distributions import MEDIAN, Floats, covered, crps, interval, interval_score

__all__ = ["adapted", "table"]

SHARE = 0.8
STEPS = (0.1, 0.3)  # by how much the log of the width moves with a miss; with a hit a quarter of it, the other way
Before = Sequence[tuple[float, float, float, float]]


def adapted(quantiles: Floats, before: Before, step: float) -> Floats:
    """Quantiles (39,) moved away from their median, in logs, by what past ranges would have needed.

    before : P10, P50, P90 and what came, oldest first, all over by then.
    """
    width = 1.0
    for low, middle, high, came in before:
        held = middle * (low / middle) ** width <= came <= middle * (high / middle) ** width
        width *= np.exp(step * ((1.0 - held) - (1.0 - SHARE)))
    return np.asarray(quantiles[MEDIAN] * (quantiles / quantiles[MEDIAN]) ** width, dtype=np.float64)


def table(small: bool) -> str:
    """A row for each set of forecasts, measure and way."""
    lines = ["| forecasts | what | ranges | n | 80% held | CRPS | interval score of 80% |",
             "| --- | --- | --- | --: | --: | --: | --: |"]
    asked = {f"quarters, {wins} new deals won in one": _quarters(companies)
             for wins, companies in quarters.results(small).items()}
    if bpic2012.DATA.is_dir():
        asked["bank, four weeks from Mondays"] = _bank(small)
    for name, by_measure in asked.items():
        for measure, cases in by_measure.items():
            lines += _rows(f"| {name} | {measure} ", cases)
    return "\n".join(lines) + "\n"


def _rows(begins: str, cases: list[tuple[Floats, float, Before]]) -> list[str]:
    """Scores in parts of those of the ranges as they are; each forecast's in parts of what came."""
    came = np.array([one for _, one, _ in cases])
    found = {"as forecast": np.array([one for one, _, _ in cases]),
             **{f"adapted, step {step}": np.array([adapted(one, before, step) for one, _, before in cases])
                for step in STEPS}}
    scores = {way: ((crps(one, came) / came).mean(), (interval_score(one, came, SHARE) / came).mean())
              for way, one in found.items()}
    plain = scores["as forecast"]
    return [f"{begins}| {way} | {len(came)} | {covered(one, came, SHARE).mean():.0%} "
            f"| {scores[way][0] / plain[0]:.3f} | {scores[way][1] / plain[1]:.3f} |" for way, one in found.items()]


def _quarters(companies: list[quarters.Quarters]) -> dict[str, list[tuple[Floats, float, Before]]]:
    """Each quarter with the earlier ones that its training looks back on."""
    return {name: [(np.array(one[key]["model"]), one[key]["came"],
                    [(past[key]["p10"], past[key]["p50"], past[key]["p90"], past[key]["came"])
                     for past in one["before"] if min(past[key]["came"], past[key]["p10"]) > 0])
                   for company in companies for one in company]
            for key, (name, _) in quarters.MEASURES.items()}


def _bank(small: bool) -> dict[str, list[tuple[Floats, float, Before]]]:
    """Each Monday with the earlier ones whose four weeks were over."""
    found: list[dict[str, Any]] = bpic2012.results(small) if small else backtest.fourteen()
    cases = {}
    for name, measure in quarters.MEASURES.values():
        _, quantiles, came = forecasts_of(found, measure)["model"]
        low, high = interval(quantiles, SHARE)
        told = list(zip(low, quantiles[:, MEDIAN], high, came, strict=True))
        cases[name] = [(quantiles[i], came[i], [told[j] for j in range(i) if found[j]["end"] <= one["origin"]])
                       for i, one in enumerate(found)]
    return cases
