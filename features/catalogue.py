"""The catalogue: every feature of a kind of subject, the declared ones and those that a company's own data adds.

Own data adds, without programming: the last value of each mapped field, and a clock and a count for each stage or
status that was entered and each kind of activity that happened ("the clocks matter most"). Which of these exist is
itself a matter of what was known: it is read from the history that is passed in.
"""

from __future__ import annotations

from features.asof import Feature, category, count, days_since_last, days_until, number
from features.deal_stage import DEAL_FEATURES
from features.endings import is_end
from features.engagement import ENGAGEMENT_FEATURES
from features.history import History
from features.lead_quality import LEAD_FEATURES
from features.surroundings import SURROUNDINGS

__all__ = ["catalogue"]

DECLARED = {"lead": [*LEAD_FEATURES, *ENGAGEMENT_FEATURES, *SURROUNDINGS],
            "deal": [*DEAL_FEATURES, *ENGAGEMENT_FEATURES, *SURROUNDINGS]}
WELL_KNOWN = {"stage", "status", "owner", "amount", "currency", "expected_close", "forecast_category",
              "rep_probability"}


def catalogue(history: History, kind: str) -> list[Feature]:
    """All features of leads or deals, in a fixed order."""
    return [*DECLARED[kind], *_own_fields(history, kind), *_stage_clocks(history, kind),
            *_activity_clocks(history, kind)]


def _own_fields(history: History, kind: str) -> list[Feature]:
    declared = WELL_KNOWN - ({"amount"} if kind == "lead" else set()) | {history.mapping.state_field(kind)}
    declared |= history.mapping.ending_fields(kind)  # what says that a subject ended is nothing to predict it from
    types = history.mapping.field_types(kind)
    return [_own_field(name, types[name]) for name in sorted(types)
            if name not in declared and types[name] != "text"]


def _own_field(name: str, dtype: str) -> Feature:
    if dtype == "date":
        return Feature(f"field:{name}", f"Days from now to {name}.", "days", "number", name, False,
                       f"its {_literal(name)} is {{value}} days away",
                       lambda pairs: days_until(pairs.changes(name), pairs))
    if dtype == "category":
        return Feature(f"field:{name}", f"Last value of {name}.", "text", "category", name, False,
                       f"its {_literal(name)} is {{value}}", lambda pairs: category(pairs.changes(name), pairs))
    unit, wording = ("minor units", f"the size of its {_literal(name)}") if dtype == "money" else (
        "as entered", f"its {_literal(name)} is {{value}}")
    return Feature(f"field:{name}", f"Last value of {name}.", unit, "number", name, False, wording,
                   lambda pairs: number(pairs.changes(name), pairs))


def _stage_clocks(history: History, kind: str) -> list[Feature]:
    field = history.mapping.state_field(kind)
    names = sorted({name for name in history.changes(kind, field).value if name is not None})
    ends = is_end(history.mapping, kind, field, names)
    return [_stage_clock(field, name) for name, ended in zip(names, ends, strict=True) if not ended]


def _stage_clock(field: str, name: str) -> Feature:
    return Feature(f"days_since_{field}:{name}", f"Days since the {field} was last set to {name}.", "days", "number",
                   "stage history", False, f"{{value}} days since {_literal(name)}",
                   lambda pairs: days_since_last(pairs.changes(field, name), pairs))


def _activity_clocks(history: History, kind: str) -> list[Feature]:
    return [feature for name in history.activity_kinds(kind) for feature in _activity_clock(name)]


def _activity_clock(name: str) -> tuple[Feature, Feature]:
    return (
        Feature(f"days_since_activity:{name}", f"Days since the last {name}.", "days", "number", "engagement", True,
                f"the last {_literal(name)} was {{value}} days ago",
                lambda pairs: days_since_last(pairs.activities(name), pairs)),
        Feature(f"activities:{name}", f"Number of {name} so far.", "activities", "number", "engagement", True,
                f"{{value}} {_literal(name)} so far", lambda pairs: count(pairs.activities(name), pairs)),
    )


def _literal(name: str) -> str:
    """A company's own word as a wording holds it: its braces are no placeholders."""
    return name.replace("{", "{{").replace("}", "}}")
