"""Quarters of simulated companies: the forecast at a quarter's start against an oracle, rules of thumb and people.

The oracle knows the world's law and today's rates, every deal's true chances and the rate at which new ones come; of
what comes later it knows no more than anyone. A company is five years old; everything is trained anew at each start.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from features.adjustments import ADJUSTMENT_COLUMNS
from features.calendar import DAY, fiscal_quarter
from features.history import History
from features.home import Home
from features.settings import Settings
from simulation.clock import WEEK, in_recession
from simulation.futures import Quarter, drawn
from simulation.manifest import remake
from simulation.past import stream
from tests.figures.cache import cached
from tests.figures.sets import simulated
from training import deal_close
from training.evidence.backtest import single_threaded
from training.evidence.backtest_origin import people_said
from training.evidence.distributions import LEVELS, MEDIAN, Floats, covered, crps, quantiles_of
from training.evidence.plain_forecasts import METHOD_NAMES, Past, plain_forecasts
from training.evidence.predictive import predicted
from training.evidence.rolling import prior_rows
from training.evidence.schedule import Period
from training.hazard import HazardModel
from training.won import actual

__all__ = ["MEASURES", "Quarters", "results", "rows", "said", "table"]

YEARS, LATEST, FUTURES = 5.0, 8, 400
EARLIEST = 14  # quarters back from the end begins the last before the recession
COMPANIES = {42: 4, 168: 1}  # by new deals won in a quarter; with renewals a hundred, and four hundred, of the latest
ROWS = 200_000  # that boosters see; with ten times as many P10, P50 and P90 moved by one deal in a hundred
WORDS = {"oracle": "the oracle", "model": "dealcast", **METHOD_NAMES}
CALLED = {"model": "dealcast", "calls": "the people's calls", "managers": "their managers' numbers"}
PEOPLE = "The amount of fiscal quarters, said a week after their start, beside what people called that day:"
MEASURES = {"won": ("number", "won_count"), "amount": ("amount", "won_amount")}
Quarters = list[dict[str, Any]]


def table(small: bool) -> str:
    """A row for each size, measure and method; quarters in a recession apart."""
    return rows(results(small))


def results(small: bool) -> dict[int, list[Quarters]]:
    """The quarters of each company, by how many new deals it wins in one."""
    chosen = {4: 1} if small else COMPANIES
    asked = [(wins, seed, small) for wins, companies in chosen.items() for seed in range(1, companies + 1)]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn"), threadpool_limits, (1,)) as pool:
        found = dict(zip(asked, pool.map(_company, asked), strict=True))
    return {wins: [found[one] for one in asked if one[0] == wins] for wins in chosen}


def rows(found: dict[int, list[Quarters]]) -> str:
    """The tables of companies, by how many new deals they win in a quarter."""
    lines = ["| won a quarter | quarters | companies | what | who | error | of the oracle's, median company "
             "| the same over its futures | within 10% | 80% held | CRPS of the oracle's |",
             "| --: | --: | --: | --- | --- | --: | --: | --: | --: | --: | --: |"]
    beside = ["| won a quarter | quarters | companies | who | error | within 10% | CRPS of dealcast's | higher at |",
              "| --: | --: | --: | --- | --: | --: | --: | --: |"]
    for _, companies in sorted(found.items()):
        for words, recession in (("", False), (", in a recession", True)):
            told = [kept for quarters in companies
                    if (kept := [one for one in quarters if one["recession"] == recession])]
            won = [one["won"]["true"] for quarters in told for one in quarters]
            asked_of = f"| {np.mean(won):.0f} | {len(won)}{words} | {len(told)} " if told else ""
            for key, (name, _) in MEASURES.items():
                lines += [f"{asked_of}| {name} {_row(who, told, key)}" for who in WORDS if _spoke(who, told, key)]
            beside += [f"{asked_of}{_beside(who, told)}" for who in CALLED if _spoke(who, told, "called")]
    return "\n".join([*lines, "", PEOPLE, "", *beside]) + "\n"


def _company(asked: tuple[int, int, bool]) -> Quarters:
    return cached("quarters-{}-{}-{}".format(*asked), lambda: _quarters(*asked))


def _quarters(wins: int, seed: int, small: bool) -> Quarters:
    """The latest quarters of a company and those of its recession, each kept when it is done."""
    with simulated("tiny" if small else "demo", "open", seed, wins, YEARS if not small else None) as (made, folder):
        past = remake(made.truth_folder)[2]
        home = Home.open(folder)
        history, settings = home.history(), _settings(home)
        found = []
        for left, one in enumerate(reversed(drawn(past, FUTURES, stream(seed, "oracle"), 2 if small else EARLIEST))):
            days = (np.array([one.begin, one.end]) - past.clocks.first) / DAY
            recession = bool(in_recession(past.world, days).any())
            if recession or left < LATEST:
                found.append(cached(f"quarters-{wins}-{seed}-{small}-{left}", lambda one=one, recession=recession: {
                    "recession": recession, **said(history, one, settings)}))
        return found


def _settings(home: Home) -> Settings:
    settings = single_threaded(home.settings)
    return settings.model_copy(update={"training": settings.training.model_copy(update={"row_budget": ROWS})})


def said(history: History, quarter: Quarter, settings: Settings) -> dict[str, Any]:
    """What came, by the world and by the export, and each one's quantiles, in number and amount; what was called; and
    what our earlier forecasts, on which the training looks back, said and met."""
    period = Period(quarter.begin, quarter.end, quarter.end)
    then = deal_close.task(history.until(period.origin), period.origin, settings.training)
    model, _ = deal_close.learn(then, period.origin, settings)
    past = Past.at_origin(history, period.origin, period.days, model.edges_days,
                          prior_rows(settings.training.priors.deal, model.edges_days))
    words = {"model": predicted(model, history, period.origin, period.origin, period.end, settings),
             **plain_forecasts(past)}
    came = actual(history, period.origin, period.end)
    found = {key: {"came": came[measure], "true": getattr(quarter, key),
                   "oracle": quantiles_of(getattr(quarter.futures, key)).tolist(),
                   **{who: one[measure]["quantiles"] for who, one in words.items()}}
             for key, (_, measure) in MEASURES.items()}
    before = [{key: {"came": one[measure]["actual"], **{name: one[measure][name] for name in ("p10", "p50", "p90")}}
               for key, (_, measure) in MEASURES.items()} for one in model.evaluation["periods"]]
    return {**found, "called": _called(history, model, settings), "before": before}


def _called(history: History, model: HazardModel, settings: Settings) -> dict[str, Any]:
    """The amount of the fiscal quarter as it was called a week after its start, and what we said then, by the model of
    that week: people call fiscal quarters, of which some begin days before thirteen weeks do."""
    _, start, end = fiscal_quarter(model.as_of, history.mapping)
    as_of = start + WEEK
    people = people_said(history, as_of, Period(start, end, end), pd.DataFrame(columns=ADJUSTMENT_COLUMNS)) or {}
    return {"came": actual(history, start, end)["won_amount"],
            "model": predicted(model, history, as_of, start, end, settings)["won_amount"]["quantiles"],
            **{who: [number] * len(LEVELS) for who, number in people.items() if number is not None}}


def _spoke(who: str, found: list[Quarters], key: str) -> bool:
    return bool(found) and all(who in one[key] for quarters in found for one in quarters)


def _row(who: str, found: list[Quarters], key: str) -> str:
    errors, oracle, expected, scores, held = [], [], [], [], []
    for quarters in found:
        told = [one[key] for one in quarters]
        quantiles, best = (np.array([one[by] for one in told]) for by in (who, "oracle"))
        came, true = (np.array([one[by] for one in told]) for by in ("came", "true"))
        actually = true if who == "oracle" else came
        errors.append(np.abs(quantiles[:, MEDIAN] / actually - 1))
        oracle.append(np.abs(best[:, MEDIAN] / true - 1))
        expected.append(_over_futures(quantiles, best).mean() / _over_futures(best, best).mean())
        scores.append(crps(quantiles, actually).mean() / crps(best, true).mean())
        held.append(covered(quantiles, actually, 0.8))
    error: Floats = np.concatenate(errors)
    ratio = np.median([ours.mean() / theirs.mean() for ours, theirs in zip(errors, oracle, strict=True)])
    return (f"| {WORDS[who]} | {error.mean():.1%} | {ratio:.2f} | {np.median(expected):.2f} "
            f"| {(error <= 0.1).mean():.0%} | {np.concatenate(held).mean():.0%} | {np.mean(scores):.2f} |")


def _over_futures(quantiles: Floats, best: Floats) -> Floats:
    """Error of the median in each quarter (n,), in the mean over what the oracle, of quantiles (n, 39), expects to
    come: what it would be in many quarters that begin alike, without the luck of the one that came."""
    return np.asarray(np.abs(quantiles[:, [MEDIAN]] / best - 1).mean(axis=1), dtype=np.float64)


def _beside(who: str, found: list[Quarters]) -> str:
    """Whose number of the fiscal quarter was how far off, and at how many quarters its CRPS was above ours."""
    told = [one["called"] for quarters in found for one in quarters]
    came = np.array([one["came"] for one in told])
    theirs, ours = (np.array([one[by] for one in told]) for by in (who, "model"))
    error = np.abs(theirs[:, MEDIAN] / came - 1)
    higher = "–" if who == "model" else f"{(crps(theirs, came) > crps(ours, came)).sum()} of {len(came)}"
    return (f"| {CALLED[who]} | {error.mean():.1%} | {(error <= 0.1).mean():.0%} "
            f"| {(crps(theirs, came) / came).mean() / (crps(ours, came) / came).mean():.2f} | {higher} |")
