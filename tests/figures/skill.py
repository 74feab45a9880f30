"""Is skill claimed where there is some, and only there? Planted, shuffled and a real export without any."""

from __future__ import annotations

import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from features.calendar import DAY
from features.history import History
from features.home import Home
from features.importing import import_files
from features.mapping import parse_mapping
from features.settings import Settings, load_settings
from tests.figures.cache import ROOT, cached
from tests.figures.planted import planted
from training import lead_conversion

__all__ = ["claims", "table"]

DATA = ROOT.parent / "shared" / "data" / "maven_crm"
RUNS, SMALL_RUNS = 20, 2
LEADS, DAYS = 2200, 330.0  # about 200 outcomes in the windows that are judged, and as many before them
DEALS_TAKEN = 3000
# The deals as leads: they convert when they are won. The fields are those that were known when a deal began.
_MAVEN = """
company: maven_crm
time_zone: UTC
currency: USD
leads: {field: stage, converted: [Won], disqualified: [Lost], horizon: {days: 90, from: created}}
sources:
  - file: sales_pipeline.csv
    rows: leads
    undated: import
    date_format: "%m/%d/%Y"
    columns: {lead_id: opportunity_id, created_at: engage_date}
    fields:
      stage: {column: deal_stage, past: final_only, closed_at: close_date}
      owner: {column: sales_agent, past: at_creation}
      product: {column: product, past: at_creation}
"""


def _settings() -> Settings:
    settings = load_settings()
    lightgbm = settings.training.lightgbm.model_copy(update={"num_threads": 1})
    return settings.model_copy(update={"training": settings.training.model_copy(
        update={"lightgbm": lightgbm, "seeds": 1})})


def _verdict(past: History, as_of: int, settings: Settings) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        summary = lead_conversion.train(past, as_of, settings, Path(folder)).summary
    return {**summary["verdict"], "won": summary["pooled"].get("won", 0.0), "auc": summary["pooled"].get("auc")}


@lru_cache(maxsize=1)
def _maven() -> History:
    with tempfile.TemporaryDirectory() as folder:
        home = Home.open(Path(folder), must_exist=False)
        import_files(home, DATA / "sales_pipeline.csv", parse_mapping(_MAVEN, "this figure's mapping"), _MAVEN,
                     time.time_ns() // 1000)
        return Home.open(Path(folder)).history()


def _part_of_maven(seed: int) -> History:
    """Some of its deals at random, with all that is known of them."""
    past = _maven()
    ids = past.leads.ids[past.leads.created_at < 18_000 * DAY]  # without those that have no date of their own
    kept = set(np.random.default_rng(seed).permutation(ids)[:DEALS_TAKEN].tolist())
    tables = {**past.tables, "leads": past.tables["leads"][past.tables["leads"]["lead_id"].isin(kept)],
              "changes": past.tables["changes"][past.tables["changes"]["subject_id"].isin(kept)]}
    return History(tables, past.mapping)


def run(kind: str, seed: int, settings: Settings) -> dict[str, Any]:
    """One company: the verdict of its training."""
    if kind == "maven_crm":
        return _verdict(_part_of_maven(seed), round(17_530 * DAY), settings)  # 2017-12-30, the export's last days
    return _verdict(planted(seed, LEADS, DAYS, shuffled=kind == "shuffled"), round(DAYS * DAY), settings)


def claims(kind: str, runs: int) -> list[dict[str, Any]]:
    return [cached(f"skill-{kind}-{seed}", lambda seed=seed: run(kind, seed, _settings())) for seed in range(runs)]


def table(small: bool) -> str:
    runs = SMALL_RUNS if small else RUNS
    rows = ["| company | skill to be found | outcomes judged (median) | AUC (median) | skill claimed |",
            "| --- | --- | --: | --: | --: |"]
    kinds = {"planted": "yes, AUC .70", "shuffled": "none: the same, outcomes shuffled",
             "maven_crm": f"none: {DEALS_TAKEN:,} deals at random, as leads"}
    for kind, what in kinds.items():
        if kind == "maven_crm" and not DATA.is_dir():
            continue
        found = claims(kind, runs)
        auc = np.median([one["auc"] for one in found if one["auc"] is not None] or [np.nan])
        rows.append(f"| {kind} | {what} | {np.median([one['won'] for one in found]):.0f} | {auc:.2f} | "
                    f"{sum(one['skill'] for one in found)} of {len(found)} |")
    return "\n".join(rows) + "\n"
