"""The backtest of the real pipeline: dates, totals and the scoreboard, at Mondays, Thursdays and on halves of it.

Definitions: every day everything is trained anew on what was known then, and asked about the 28 days after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from features.calendar import DAY, parse_as_of
from features.history import History
from features.settings import load_settings
from serving.cli.data import read_mapping
from tests.figures import bpic2012
from tests.figures.cache import cached
from training.evidence.backtest import single_threaded
from training.evidence.backtest_origin import backtest_origin
from training.evidence.backtest_report import writers
from training.evidence.backtested import forecasts_of, told_of
from training.evidence.distributions import Floats, covered, interval, interval_score
from training.evidence.measures import figures as figures_of
from training.evidence.schedule import Period
from training.evidence.scoreboard import SCORES, scoreboard

__all__ = ["board", "fourteen", "half", "table"]

EARLIER = ["2011-11-14", "2011-11-21", "2011-11-28", "2011-12-05", "2011-12-12"]
THURSDAYS = ["2011-12-22", "2011-12-29", "2012-01-05", "2012-01-12", "2012-01-19", "2012-01-26", "2012-02-02",
             "2012-02-09"]
# What a ratio of losses is to be at most: of the date of resolution, by the method it is held against.
AIMS = {("resolution", "raw"): 0.88, ("resolution", "aj"): 0.96}
MEASURES = {"won_count": "number", "won_amount": "amount"}
Result = dict[str, Any]


def table(small: bool) -> str:
    """What the tables say, a set of origins after the other."""
    if not bpic2012.DATA.is_dir():
        return ""
    sets = {"9 Mondays": bpic2012.results(small)}
    if not small:
        sets |= {"14 Mondays": fourteen(), "8 Thursdays": _at(THURSDAYS),
                 "9 Mondays, half of the deals": _at(bpic2012.MONDAYS, 0),
                 "9 Mondays, the other half": _at(bpic2012.MONDAYS, 1)}
    return "\n".join(f"**{name}**\n\n{_deals(found)}\n\n{_dates(found)}\n\n{_totals(found)}\n"
                     for name, found in sets.items())


def board(small: bool) -> str:
    """The scoreboard of the Mondays."""
    if not bpic2012.DATA.is_dir():
        return ""
    rows = ["| score | against | ours | theirs | so ours is |", "| --- | --- | --: | --: | --- |"]
    for one in scoreboard(bpic2012.results(small)):
        ours, theirs = (_written(one.score, value) for value in (one.ours, one.theirs))
        rows.append(f"| {SCORES[one.score]} | {one.method} | {ours} | {theirs} | {one.sentence} |")
    return "\n".join(rows) + "\n"


def fourteen() -> list[Result]:
    """The nine Mondays and five before them, whose four weeks all hold Christmas."""
    return [*_at(EARLIER), *bpic2012.results(small=False)]


def _at(days: list[str], part: int | None = None) -> list[Result]:
    name = "bpic2012" if part is None else f"bpic2012-half{part}"
    return [cached(f"{name}-{day}", lambda day=day: _result(day, part)) for day in days]


def _result(day: str, part: int | None) -> Result:
    if part is None:
        return bpic2012.deals_at(day)
    past = half(bpic2012.history(), part)
    origin = parse_as_of(day, past.mapping.zone)
    return backtest_origin(past, Period(origin, origin + 28 * DAY, origin + 7 * DAY), single_threaded(load_settings()))


def half(past: History, part: int) -> History:
    """Half of the deals, by a hash of their ids, with all that is known of the rest but the deals themselves."""
    deals = past.tables["deals"]
    ours = pd.util.hash_array(deals["deal_id"].to_numpy(object)) % 2 == part
    return replace(past, tables={**past.tables, "deals": deals[ours].reset_index(drop=True)}, memo={})


def _deals(found: list[Result]) -> str:
    rows = [one["figures"] for one in found]
    loss = {name: np.array([row[f"log_loss{name}"] for row in rows]) for name in ("", "_aj", "_logistic", "_stage")}
    ratio = np.array([row["predicted_over_actual"] for row in rows])
    pooled = figures_of(*(np.concatenate([np.array(one["deals"][name]) for one in found]) for name in ("model", "won")))
    return (f"Won within 28 days: median log-loss {np.median(loss['']):.3f} (logistic regression "
            f"{np.median(loss['_logistic']):.3f}, Aalen–Johansen {np.median(loss['_aj']):.3f}, by stage "
            f"{np.median(loss['_stage']):.3f}); below Aalen–Johansen by {(loss['_aj'] - loss['']).mean():.4f} on "
            f"average and at {(loss[''] < loss['_aj']).sum()} of {len(rows)}. Median AUC "
            f"{np.median([row['auc'] for row in rows]):.3f}. Predicted over actual {ratio.min():.2f} to "
            f"{ratio.max():.2f}. Calibration error, all together, {pooled['ece']:.3f}; a perfect model's up to "
            f"{pooled['ece_perfect_p95']:.3f}.")


def _dates(found: list[Result]) -> str:
    lines = ["| date | ours | of raw quantiles by stage | of Aalen–Johansen, days in stage "
             "| of Aalen–Johansen by stage | of Kaplan–Meier | 80% held, median |",
             "| --- | --: | --: | --: | --: | --: | --: |"]
    for name, words in (("resolution", "resolved, cut at 28 days"), ("win", "won, given a win in 28 days")):
        losses = {way: np.array([one.mean() for one in told["pinball"]]) for way, told in told_of(found, name).items()}
        held = np.median([one.mean() for one in told_of(found, name)["model"]["held"]])
        lines.append(f"| {words} | {np.median(losses['model']):.2f} | " + " | ".join(
            _against(losses["model"], losses.get(way), AIMS.get((name, way)))
            for way in ("raw", "aj", "aj_stage", "kaplan_meier"))
            + f" | {held:.2f} |")
    return "\n".join(lines)


def _against(ours: Floats, theirs: Floats | None, aim: float | None) -> str:
    """Ratio of mean pinball losses, and at how many origins ours is lower, and as low as is aimed at."""
    if theirs is None:
        return "–"
    aimed = "" if aim is None else f", at most {aim} at {(ours / theirs <= aim).sum()}"
    return f"{np.median(ours / theirs):.3f} (lower at {(ours < theirs).sum()} of {len(ours)}{aimed})"


def _totals(found: list[Result]) -> str:
    lines = ["| won in 28 days | error | last period again | lower at | 80% held | mean width | interval score | of "
             "Aalen–Johansen + new |", "| --- | --: | --: | --: | --: | --: | --: | --: |"]
    for measure, words in MEASURES.items():
        told = forecasts_of(found, measure)
        mean, quantiles, came = told["model"]
        error = np.abs(mean / came - 1)
        before = np.abs(told["last"][0] / came - 1) if "last" in told else None
        low, high = interval(quantiles, 0.8)
        score = interval_score(quantiles, came, 0.8).mean()
        theirs = interval_score(told["aj"][1], came, 0.8).mean()
        lines.append(
            f"| {words} | {error.mean():.1%} | " + ("– | – | " if before is None else
            f"{before.mean():.1%} | {(error < before).sum()} of {len(came)} | ")
            + f"{covered(quantiles, came, 0.8).sum()} of {len(came)} | {((high - low) / came).mean():.0%} | "
            f"{_written(measure, score)} | {_written(measure, theirs)} |")
    return "\n".join(lines)


def _written(score: str, value: float) -> str:
    """Money as money, all else to four digits."""
    return _money()(value) if "amount" in score else f"{value:,.4g}"


@lru_cache(maxsize=1)
def _money() -> Callable[[float | None], str]:
    return writers(read_mapping("bpic2012")[0])["won_amount"]
