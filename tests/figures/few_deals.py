"""Few closed deals: twelve, fifty and two hundred, drawn again and again from a company's deals.

A draw keeps deals by a hash of their ids and the draw's number, so many that as many have closed by the origin; open
ones and those of later stay in their natural proportion. Each draw is a small company of its own.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from features.calendar import DAY, parse_as_of
from features.history import History
from features.settings import Settings, load_settings
from tests.figures import bpic2012
from tests.figures.cache import cached
from tests.figures.sets import simulated_history
from training.evidence.backtest import single_threaded
from training.evidence.backtest_origin import backtest_origin
from training.evidence.backtested import forecasts_of
from training.evidence.distributions import covered, crps
from training.evidence.measures import log_losses
from training.evidence.schedule import Period
from training.outcomes import OPEN, outcomes

__all__ = ["ORIGINS", "drawn", "kept", "table"]

DRAWS = {12: 20, 50: 12, 200: 12}  # by closed deals: more of them take longer and vary less
SMALL_DRAWS = {12: 2}
ORIGINS = {"simulated": ("2025-10-01", 91), "bpic2012": ("2012-01-16", 28)}  # and the days that are forecast
SHARES = ("0.5", "0.8", "0.95")
AGAINST = ("stage_weighted", "stage_28", "aj")


@lru_cache(maxsize=2)
def _history(name: str, size: str) -> History:
    return bpic2012.history() if name == "bpic2012" else simulated_history(size)


def drawn(name: str, size: str, closed: int, draw: int, settings: Settings) -> dict[str, Any]:
    """One draw: log-loss of the deals open at the origin, CRPS of the number won and whether the range held it."""
    whole = _history(name, size)
    day, days = ORIGINS[name]
    origin = parse_as_of(day, whole.mapping.zone)
    few = kept(whole, origin, closed, draw)
    found = backtest_origin(few, Period(origin, origin + days * DAY, origin + days * DAY), settings)
    won, deals = np.array(found["deals"]["won"], dtype=bool), found["deals"]
    told = forecasts_of([found], "won_count")
    model, came = told["model"][1], told["model"][2]
    return {"loss": {who: float(log_losses(np.array(said), won).mean()) if len(won) else None
                     for who, said in (("model", deals["model"]), ("stage", deals["plain"]["stage"]))},
            "crps": {who: float(crps(quantiles, came)[0]) for who, (_, quantiles, came) in told.items()},
            "held": {share: bool(covered(model, came, float(share))[0]) for share in SHARES}}


def kept(history: History, origin: int, closed: int, draw: int) -> History:
    """The same company with so many deals closed by the origin."""
    deals = history.tables["deals"]
    mark = pd.util.hash_array((deals["deal_id"].astype(str) + f" {draw}").to_numpy(object))
    subject, state, _, _ = outcomes(history, "deal").known_at(origin).endings.last
    ended = deals["deal_id"].isin(history.deals.ids[subject[state != OPEN]]).to_numpy()
    few = deals[mark <= np.sort(mark[ended])[min(closed, ended.sum()) - 1]].reset_index(drop=True)
    theirs = {name: _of(history.tables[name], set(few["deal_id"])) for name in ("changes", "activities")}
    return replace(history, tables={**history.tables, **theirs, "deals": few}, memo={})


def _of(rows: pd.DataFrame, deals: set[str]) -> pd.DataFrame:
    """Rows about these deals; leads are left out, which nothing here asks about."""
    return rows[(rows["subject"] == "deal") & rows["subject_id"].isin(deals)].reset_index(drop=True)


def table(small: bool) -> str:
    """A row for each company and number of closed deals; differences are paired by draw."""
    size, settings = "tiny" if small else "demo", single_threaded(load_settings())
    names = [name for name in ORIGINS if name == "simulated" or (bpic2012.DATA.is_dir() and not small)]
    lines = ["| company | closed deals | draws | log-loss less that of stage rates | CRPS of the number won, of "
             "stage-weighted's | of rates by stage | of Aalen–Johansen + new | 50, 80, 95% ranges held |",
             "| --- | --: | --: | --: | --: | --: | --: | --: |"]
    for name in names:
        for closed, draws in (SMALL_DRAWS if small else DRAWS).items():
            found = [cached(f"few-deals-{name}-{size}-{closed}-{draw}",
                            lambda name=name, closed=closed, draw=draw: drawn(name, size, closed, draw, settings))
                     for draw in range(draws)]
            loss = np.array([one["loss"]["model"] - one["loss"]["stage"] for one in found
                             if one["loss"]["model"] is not None])
            held = " · ".join(f"{np.mean([one['held'][share] for one in found]):.0%}" for share in SHARES)
            lines.append(f"| {name} | {closed} | {draws} | {loss.mean():+.4f} ± {loss.std() / np.sqrt(len(loss)):.4f} "
                         "| " + " | ".join(_ratio(found, who) for who in AGAINST) + f" | {held} |")
    return "\n".join([*lines, "", "± is one standard error over draws. A ratio below 1 means that the model's forecast "
                      "lies nearer; beside it, its difference in standard errors."]) + "\n"


def _ratio(found: list[dict[str, Any]], who: str) -> str:
    ours, theirs = (np.array([one["crps"][name] for one in found]) for name in ("model", who))
    error = (ours - theirs).std() / np.sqrt(len(ours))
    return f"{ours.mean() / theirs.mean():.2f} ({(ours - theirs).mean() / max(error, 1e-12):+.1f})"
