"""Quarters of simulated companies: the forecast at a quarter's start against an oracle, rules of thumb and people.

The oracle knows the world's law and today's rates, every deal's true chances and the rate at which new ones come; of
what comes later it knows no more than anyone. A company is five years old; everything is trained anew at each start.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from features.calendar import DAY
from features.home import Home
from simulation.clock import in_recession
from simulation.futures import drawn
from simulation.manifest import remake
from simulation.past import stream
from tests.figures.cache import cached
from tests.figures.sets import simulated
from training.evidence.backtest import backtest
from training.evidence.distributions import LEVELS, Floats, covered, crps, quantiles_of
from training.evidence.plain_forecasts import METHOD_NAMES
from training.evidence.schedule import Period

__all__ = ["table"]

YEARS, LATEST, FUTURES = 5.0, 8, 400
COMPANIES = {100: 4}  # by the deals that they win in a quarter, about; each quarter's start takes ten minutes
WORDS = {"oracle": "the oracle", "model": "dealcast", "calls": "the people's calls, a week later",
         "managers": "their managers' numbers, a week later", **METHOD_NAMES}
MIDDLE = int(np.flatnonzero(LEVELS == 0.5)[0])
MEASURES = {"won": ("number", "won_count"), "amount": ("amount", "won_amount")}
Quarters = list[dict[str, Any]]


def table(small: bool) -> str:
    """A row for each size, measure and method."""
    chosen = {4: 1} if small else COMPANIES
    lines = ["| won a quarter | what | who | companies × quarters | error | of the oracle's, median company "
             "| within 10% | 80% held | CRPS of the oracle's |",
             "| --: | --- | --- | --: | --: | --: | --: | --: | --: |"]
    for wins, companies in chosen.items():
        found = [_without_recession(cached(f"quarters-{wins}-{seed}", lambda wins=wins, seed=seed: _company(
            wins, seed, small))) for seed in range(1, companies + 1)]
        for key, (name, _) in MEASURES.items():
            asked = [who for who in ("oracle", "model", *METHOD_NAMES, "calls", "managers") if _spoke(who, found, key)]
            lines += [_row(wins, name, who, found, key) for who in asked]
    return "\n".join(lines) + "\n"


def _company(wins: int, seed: int, small: bool) -> Quarters:
    """The latest quarters of a company: what came, and quantiles that each said, in number and amount."""
    with simulated("tiny" if small else "demo", "open", seed, wins, YEARS if not small else None) as (made, folder):
        past = remake(made.truth_folder)[2]
        told = drawn(past, FUTURES, stream(seed, "oracle"), 2 if small else LATEST)
        found = backtest(Home.open(folder), [Period(one.begin, one.end, one.end) for one in told])
        days = [(np.array([one.begin, one.end]) - past.clocks.first) / DAY for one in told]
        return [{"recession": bool(in_recession(past.world, day).any()),
                 "won": _said(quarter.won, quarter.futures.won, one["forecast"], "won_count"),
                 "amount": _said(quarter.amount, quarter.futures.amount, one["forecast"], "won_amount",
                                 one["weeks"][1]["people"])}
                for quarter, one, day in zip(told, found, days, strict=True)]


def _said(came: float, futures: Floats, forecast: dict[str, Any], measure: str,
          people: dict[str, float] | None = None) -> dict[str, Any]:
    """What came, by the world and by the export, and each one's quantiles; what people called is one number."""
    said = {who: one[measure]["quantiles"] for who, one in forecast["said"].items()}
    called = {who: [number] * len(LEVELS) for who, number in (people or {}).items()}
    return {"came": forecast["came"][measure], "true": came, "oracle": quantiles_of(futures).tolist(), **said, **called}


def _without_recession(found: Quarters) -> Quarters:
    return [one for one in found if not one["recession"]]


def _spoke(who: str, found: list[Quarters], key: str) -> bool:
    return all(who in one[key] for quarters in found for one in quarters)


def _row(wins: int, name: str, who: str, found: list[Quarters], key: str) -> str:
    errors, oracle, scores, held = [], [], [], []
    for quarters in found:
        told = [one[key] for one in quarters]
        quantiles, best = (np.array([one[by] for one in told]) for by in (who, "oracle"))
        came, true = (np.array([one[by] for one in told]) for by in ("came", "true"))
        actual = true if who == "oracle" else came
        errors.append(np.abs(quantiles[:, MIDDLE] / actual - 1))
        oracle.append(np.abs(best[:, MIDDLE] / true - 1))
        scores.append(crps(quantiles, actual).mean() / crps(best, true).mean())
        held.append(covered(quantiles, actual, 0.8))
    error = np.concatenate(errors)
    ratio = np.median([ours.mean() / theirs.mean() for ours, theirs in zip(errors, oracle, strict=True)])
    one_number = who in ("calls", "managers")
    return (f"| {wins} | {name} | {WORDS[who]} | {len(found)} × {len(found[0])} "
            f"| {error.mean():.1%} | {ratio:.2f} | {(error <= 0.1).mean():.0%} "
            f"| {'–' if one_number else f'{np.concatenate(held).mean():.0%}'} | {np.mean(scores):.2f} |")
