"""Deals of which nothing can be known beforehand: is skill claimed, and does the forecast fall back to plain rates?

Simulated deals are cut down to what was known when each began, beside their end. Each gets the end of another deal
that began in the same month, won or lost and as long after its creation: age and the calendar tell as much as before,
and nothing else tells anything. Stages and activities would, of when a deal ends.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from features.calendar import DAY, parse_as_of
from features.history import History
from features.settings import Settings, load_settings
from tests.figures.cache import ROOT, cached
from tests.figures.sets import imported, simulated_history
from training import deal_close
from training.evidence.backtest import single_threaded
from training.evidence.distributions import crps
from training.evidence.plain_forecasts import Past, plain_forecasts
from training.evidence.predictive import predicted
from training.evidence.rolling import prior_rows
from training.hazard import HazardModel
from training.outcomes import LOST, OPEN, WON, outcomes
from training.won import actual

__all__ = ["run", "table"]

DATA = ROOT.parent / "shared" / "data" / "maven_crm"
QUARTERS = ["2026-07-01", "2026-04-01", "2026-01-01"]
TRAINED = {"planted": QUARTERS, "shuffled": QUARTERS, "maven_crm": ["2017-10-01", "2017-09-15"]}
RUNS = {"planted": 1, "shuffled": 3, "maven_crm": 2}
SMALL_RUNS = {"planted": 1, "shuffled": 1}
DEALS_TAKEN = 600
MAVEN_ENDS = 18_000 * DAY  # microseconds; deals without a date of their own begin when they are imported
DAYS = 91
MONTH = 30 * DAY
AGAINST = ("stage_28", "aj")  # rates by stage, and Aalen–Johansen + new deals


@lru_cache(maxsize=1)
def _known_at_birth() -> tuple[History, pd.DataFrame]:
    """A simulated company of which only deals are left, as they began; and by deal its last state, the microseconds
    from its creation to it, and its creation."""
    whole = simulated_history("tiny")
    deals, changes = whole.deals, whole.tables["changes"]
    subject, state, ended_at, _ = outcomes(whole, "deal").endings.last
    ends = pd.DataFrame({"state": OPEN, "life": 0}, index=deals.ids).astype("int64")
    ends.loc[deals.ids[subject], "state"] = state
    ends.loc[deals.ids[subject], "life"] = np.maximum(ended_at - deals.created_at[subject], 1)
    born = pd.Series(deals.created_at, index=deals.ids)
    first = changes[(changes["subject"] == "deal") & (changes["changed_at"] <= changes["subject_id"].map(born))]
    tables = {**whole.tables, "changes": first, "leads": whole.tables["leads"].iloc[:0],
              "activities": whole.tables["activities"].iloc[:0]}
    return replace(whole, tables=tables, memo={}), ends.assign(born=born)


def dealt(kind: str, seed: int) -> History:
    """The company with its ends dealt out anew. `planted`: each deal's source tells which end it gets."""
    past, ends = _known_at_birth()
    luck = np.random.default_rng(seed).random(len(ends))
    month = ends["born"].to_numpy() // MONTH
    to, given = ends.iloc[np.lexsort((luck, month))], ends.iloc[np.argsort(month, kind="stable")]
    state, at = given["state"].to_numpy(), to["born"].to_numpy() + given["life"].to_numpy()
    changes = past.tables["changes"]
    if kind == "planted":
        source = pd.Series(np.where(state == WON, "fair", "list"), index=to.index)
        told = changes["field"] == "source"
        changes = changes.assign(value=changes["value"].mask(told, changes["subject_id"].map(source)))
    ended = (state != OPEN) & (at <= changes["recorded_at"].max())
    words = {WON: past.mapping.stage_names("won")[0], LOST: past.mapping.stage_names("lost")[0]}
    stages = changes[changes["field"] == "stage"].set_index("subject_id").loc[to.index[ended]].reset_index()
    rows = stages.assign(value=[words[one] for one in state[ended]], changed_at=at[ended], known_at=at[ended],
                         sequence=changes["sequence"].max() + 1)
    return replace(past, tables={**past.tables, "changes": pd.concat([changes, rows], ignore_index=True)}, memo={})


@lru_cache(maxsize=1)
def _maven() -> History:
    return imported(DATA, "maven_crm")


def _part_of_maven(seed: int) -> History:
    """Some of its deals at random."""
    past = _maven()
    deals = past.tables["deals"]
    ids = past.deals.ids[past.deals.created_at < MAVEN_ENDS]
    kept = set(np.random.default_rng(seed).permutation(ids)[:DEALS_TAKEN].tolist())
    tables = {**past.tables, "deals": deals[deals["deal_id"].isin(kept)],
              "changes": past.tables["changes"][past.tables["changes"]["subject_id"].isin(kept)]}
    return replace(past, tables=tables, memo={})


def run(kind: str, seed: int, settings: Settings) -> dict[str, Any]:
    """A training's verdict, log-loss where it judged itself, and CRPS of the number won in the quarter after it."""
    past = _part_of_maven(seed) if kind == "maven_crm" else dealt(kind, seed)
    as_of = parse_as_of(TRAINED[kind][seed % len(TRAINED[kind])], past.mapping.zone)
    with tempfile.TemporaryDirectory() as folder:
        found = deal_close.train(past, as_of, settings, Path(folder)).summary
        model = HazardModel.load(Path(folder))
    then = Past.at_origin(past, as_of, DAYS, model.edges_days,
                          prior_rows(settings.training.priors.deal, model.edges_days))
    end = as_of + DAYS * DAY
    said = {"model": predicted(model, past, as_of, as_of, end, settings), **plain_forecasts(then)}
    came = np.array([actual(past, as_of, end)["won_count"]])
    return {**found["verdict"], **{name: found["pooled"][name] for name in ("won", "auc", "log_loss")},
            "stage": found["plain"]["stage"]["log_loss"],
            "crps": {who: float(crps(np.array([said[who]["won_count"]["quantiles"]]), came)[0])
                     for who in ("model", *AGAINST)}}


def _settings() -> Settings:
    settings = single_threaded(load_settings())
    return settings.model_copy(update={"training": settings.training.model_copy(update={"seeds": 1})})


def _cached(kind: str, seed: int) -> dict[str, Any]:
    found: dict[str, Any] = cached(f"no-signal-{kind}-{seed}", lambda: run(kind, seed, _settings()))
    return found


def table(small: bool) -> str:
    what = {"planted": "yes: a field names the end", "shuffled": "none: ends dealt out anew",
            "maven_crm": f"none: {DEALS_TAKEN:,} deals at random"}
    runs = {kind: n for kind, n in (SMALL_RUNS if small else RUNS).items() if kind != "maven_crm" or DATA.is_dir()}
    asked = [(kind, seed) for kind, n in runs.items() for seed in range(n)]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn"), threadpool_limits, (1,)) as pool:
        found = dict(zip(asked, pool.map(_cached, *zip(*asked, strict=True)), strict=True))
    lines = ["| company | skill to be found | won where judged (median) | AUC (median) | skill claimed | log-loss | of "
             "rates by stage | CRPS of the number won, of that of rates by stage | of Aalen–Johansen + new |",
             "| --- | --- | --: | --: | --: | --: | --: | --: | --: |"]
    for kind in runs:
        told = [one for (its, _), one in found.items() if its == kind]
        won, auc = (np.median([one[name] for one in told]) for name in ("won", "auc"))
        loss, stage = (np.mean([one[name] for one in told]) for name in ("log_loss", "stage"))
        score = {who: np.mean([one["crps"][who] for one in told]) for who in told[0]["crps"]}
        ratios = " | ".join(f"{score['model'] / score[who]:.2f}" for who in AGAINST)
        lines.append(f"| {kind} | {what[kind]} | {won:.0f} | {auc:.2f} | {sum(one['skill'] for one in told)} of "
                     f"{len(told)} | {loss:.3f} | {stage:.3f} | {ratios} |")
    return "\n".join(lines) + "\n"
