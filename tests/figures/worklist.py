"""What worklists would have reached in the past: lists of the simulated company, and the real pipeline's leads as they
came in and a day later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from features.calendar import parse_as_of
from features.history import History
from features.home import Home
from features.rule_book import load_rules
from features.settings import load_settings
from tests.figures import bpic2012
from tests.figures.cache import ROOT, cached
from tests.figures.sets import simulated
from training import lead_conversion
from training.evidence.effort import MEASURES, ORDERS, effort, in_words
from training.evidence.rolling import Fold, Task, roll
from training.worklist import cases_at_age, past_worklists

__all__ = ["table"]

REAL_AS_OF = "2012-03-14"
NAMES = {"auc": "AUC", "reached_10": "first 10%", "reached_20": "first 20%", "reached_30": "first 30%",
         "amount_20": "amount in 20%", "needed_50": "for 50%", "needed_80": "for 80%"}
BANDS = {"all": "together", "high": "high intent", "low": "low intent"}


def _folds(past: History, as_of: int) -> tuple[Task, list[Fold]]:
    settings = load_settings().training
    job = lead_conversion.task(past.until(as_of), as_of, settings)
    return job, roll(job, as_of, settings, lambda step: None)


def _simulated(size: str) -> list[dict[str, Any]]:
    with simulated(size) as (made, home):
        past = Home.open(home).history()
    past = replace(past, rules=load_rules(ROOT / "configs" / "rules" / "simulated.yaml", past.mapping))
    job, folds = _folds(past, made.end)
    bands: list[dict[str, Any]] = past_worklists(job, folds, made.end, load_settings(), lead_conversion.window_end,
                                                 90)["bands"]
    return bands


def _real() -> dict[str, list[dict[str, Any]]]:
    past = bpic2012.history()
    as_of = parse_as_of(REAL_AS_OF, past.mapping.zone)
    job, folds = _folds(past, as_of)
    return {name: effort(cases_at_age(job, folds, as_of, age, load_settings()), 60)
            for name, age in (("at creation", 0), ("after 1 day", 1))}


def table(small: bool) -> str:
    size = "tiny" if small else "demo"
    parts = [("The simulated company, its open leads every week", cached(f"worklist-{size}", lambda: _simulated(size)))]
    if bpic2012.DATA.is_dir() and not small:
        parts += [(f"BPI Challenge 2012, its leads {name}", bands)
                  for name, bands in cached("worklist-bpic2012", _real).items()]
    return "\n".join(line for title, bands in parts for line in _part(title, bands))


def _part(title: str, bands: list[dict[str, Any]]) -> list[str]:
    lines = [f"**{title}.** AUC, share of conversions reached by the first 10, 20 and 30% of the leads, of their "
             "amounts by 20%, and share of leads needed for 50 and 80% of the conversions:", "",
             f"| leads | order | {' | '.join(NAMES.values())} |", f"| --- | --- |{' --: |' * len(MEASURES)}"]
    for band in bands:
        for order in (one for one in ORDERS if one in band["orders"]):
            figures = " | ".join(f"{band['orders'][order][name]:.{'2f' if name == 'auc' else '0%'}}" for name in NAMES)
            lines.append(f"| {BANDS[band['band']]} | {order} | {figures} |")
    lines.append("")
    for band in bands:
        said = [f"{other}: first 20% {in_words(band['against'][other]['reached_20'])}, for 50% "
                f"{in_words(band['against'][other]['needed_50'])}" for other in ORDERS if other in band["against"]]
        lines.append(f"- {BANDS[band['band']]}, {band['conversions']:,} conversions on lists of {band['leads']:,} "
                     f"leads at {band['origins']} dates; the model's order against {'; '.join(said)}.")
    return [*lines, ""]
