"""Kinds of business apart: a backtest of simulated companies' newest quarters, as the command makes it."""

from __future__ import annotations

from typing import Any

from features.home import Home
from serving.cli.data import read_mapping
from tests.figures.cache import cached
from tests.figures.sets import simulated
from training.evidence.backtest import single_threaded
from training.evidence.backtest_origin import backtest_origin
from training.evidence.backtest_report import writers
from training.evidence.backtested import DATES, MEASURES, backtested
from training.evidence.close_amounts import AMOUNT_NAMES
from training.evidence.schedule import schedule

__all__ = ["table"]

SEEDS, SMALL_SEEDS = (1, 2), (1,)
SMALL_QUARTERS = 2
HEADS = ("kind", "won", "error in number", "80% held", "error in amount", "80% held",
         "date resolved, of Aalen–Johansen", "80% held", "date won, of Aalen–Johansen", "80% held",
         "amount of a win, 80% held")
NAMES = {"model": "dealcast", **AMOUNT_NAMES}


def table(small: bool) -> str:
    """A table of kinds and one of what wins brought, over all companies."""
    size, seeds = ("tiny", SMALL_SEEDS) if small else ("demo", SEEDS)
    results = [one for seed in seeds for one in _results(size, seed, SMALL_QUARTERS if small else 0)]
    found = backtested(results)
    written = writers(read_mapping("simulated")[0])["won_amount"]
    quarters = f"{len(results)} quarters of {len(seeds)} compan{'ies' if len(seeds) > 1 else 'y'}"
    lines = [f"{quarters}:", "", f"| {' | '.join(HEADS)} |", f"| --- |{' --: |' * (len(HEADS) - 1)}",
             *(_kind(row) for row in found["kinds"]), "", "What each of the deals won brought:", "",
             "| who | deals | pinball loss | median off by | 80% held |", "| --- | --: | --: | --: | --: |"]
    lines += [f"| {NAMES[way]} | {one['n']:,} | {written(one['pinball'])} | {written(one['median_error'])} | "
              f"{one['held']:.0%} |" for way, one in found["amounts"].items()]
    return "\n".join(lines) + "\n"


def _results(size: str, seed: int, newest: int) -> list[dict[str, Any]]:
    """The origins of a company that the command would choose, or so many `newest` ones (0: all); each is kept."""
    with simulated(size, seed=seed) as (made, folder):
        home = Home.open(folder)
        history, settings = home.history(), single_threaded(home.settings)
        return [cached(f"kinds-{size}-{seed}-{one.origin}", lambda one=one: backtest_origin(history, one, settings))
                for one in schedule(history, settings.training, made.end)[-newest:]]


def _kind(row: dict[str, Any]) -> str:
    """A line of the table; dashes for a kind of which nothing was won or open."""
    cells = [row["kind"], f"{row['won']:.0f}"]
    for measure in MEASURES:
        one = row["forecasts"][measure]
        cells += ["–" if one["error"] is None else f"{one['error']:.1%}", f"{one['held']:.0f} of {one['n']:.0f}"]
    for name in DATES:
        told = row["dates"][name]
        cells += [f"{told['model']['pinball'] / told['aj']['pinball']:.3f}", f"{told['model']['held']:.0%}"] if told \
            else ["–", "–"]
    cells.append(f"{row['amounts']['model']['held']:.0%}" if row["amounts"] else "–")
    return f"| {' | '.join(cells)} |"
