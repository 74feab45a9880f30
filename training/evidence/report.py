"""The report of a training: one HTML file that opens without a network, written from what is kept with the model.

In: the evaluation (`training.evidence.summary`) and what the model is. Out: HTML text with its figures inside. The same
model gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping as Entries
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from features.calendar import iso
from features.mapping import Mapping
from training.evidence.charts import learning_svg, lift_svg, reliability_svg
from training.evidence.effort import ORDERS
from training.evidence.paired import PLAIN_NAMES

__all__ = ["environment", "report_html"]

_RECIPES = {
    "base": "one rate for all, from every window that had closed",
    "recent": "one rate for all, from the last 1,000 outcomes",
    "stage": "the rate of each status or stage",
    "age": "of those about as old",
    "clock": "the same hazards, learned from age and calendar only: when, and not who",
    "aj": "rates by state and time in it, those still open counted as far as they have come",
    "naive_bayes": "on categories alone, as open CRMs do it",
    "logistic": "on windows that had closed",
    "lightgbm": "on windows that had closed",
}
LEAST_IMPORTANCE = 0.0005  # of log-loss: what shows as 0 is not shown
_VERBS = {"lead": "converts", "deal": "is won"}


def report_html(mapping: Mapping, evaluation: Entries[str, Any], model: str = "") -> str:
    """The page of an evaluation, as it is kept with its model; `model` is what the version is called, once it has a
    name."""
    zone, params = mapping.zone, evaluation["params"]
    kind = params["kind"]
    figures = {"learning": ""}
    if evaluation["reliability"]:
        figures |= {"reliability": Markup(reliability_svg(evaluation["reliability"])),
                   "lift": Markup(lift_svg(evaluation["lift"])) if evaluation["lift"] else ""}
    learning = evaluation.get("learning", [])
    if len(learning) > 1:
        figures["learning"] = Markup(learning_svg(learning))
    insight = evaluation.get("insight")
    if insight:
        insight = {**insight, "day": iso(insight["origin"], zone)[:10]}
    importance = [row for row in evaluation.get("importance", []) if row["loss"] >= LEAST_IMPORTANCE]
    headline, explained = evaluation["verdict"]["sentence"].split(": ", 1)
    return environment().get_template("report.html").render(
        kind=kind, verb=_VERBS[kind], company=mapping.company, model=model, simulated=mapping.simulated,
        as_of=iso(params["as_of"], zone)[:16].replace("T00:00", "").replace("T", " "),
        headline=headline, explained=explained[0].upper() + explained[1:],
        evaluation=evaluation, pooled=evaluation["pooled"], verdict=evaluation["verdict"],
        plain=[(name, PLAIN_NAMES[name], recipe) for name, recipe in _RECIPES.items() if name in evaluation["plain"]],
        intervals=evaluation["blocks"] >= evaluation["min_blocks"],
        origins=[{**one, "day": iso(one["origin"], zone)[:10]} for one in evaluation["origins"]],
        worklists=[{**band, "orders": {name: band["orders"][name] for name in ORDERS if name in band["orders"]}}
                   for band in evaluation.get("worklist", {"bands": []})["bands"]],
        learning=learning, importance=importance,
        most=max((row["loss"] for row in importance), default=0.0),
        settings=list(_flat({**params, "as_of": iso(params["as_of"], zone)})), figures=figures, insight=insight)


def _flat(params: Entries[str, Any], above: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in sorted(params.items()):
        rows += _flat(value, f"{above}{key}.") if isinstance(value, Entries) else [(f"{above}{key}", str(value))]
    return rows


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates of reports, and how they write figures."""
    found = Environment(loader=PackageLoader("training.evidence", "."), autoescape=True,
                        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters.update(number=_number, percent=_percent, signed=_signed)
    return found


def _number(value: float | None, digits: int = 3) -> str:
    """A figure, or a dash where it cannot be had."""
    return "–" if value is None else f"{value:,.{digits}f}"


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}%}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
