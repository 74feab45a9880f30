"""All checks, and what they amount to: the report of `dealcast check`.

A new kind of check is a file with a function of a `Material` and a line in `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from features.calendar import iso
from features.checking.clocks import clocks
from features.checking.currencies import currencies
from features.checking.duplicates import duplicates
from features.checking.fields import FieldReport, field_reports, thin_fields
from features.checking.finding import WEIGHTS, Finding
from features.checking.gaps import gaps
from features.checking.leaks import leaks
from features.checking.material import Material
from features.checking.orphans import orphans
from features.checking.states import states
from features.checking.zones import zones
from features.history import History

__all__ = ["CHECKS", "CheckReport", "advice", "check"]

CHECKS: list[Callable[[Material], list[Finding]]] = [
    leaks, states, currencies, duplicates, orphans, clocks, zones, gaps, thin_fields]

_CURE_OF_SEVERAL = {
    "wrong": "Mark each final_only, or take it out of the mapping. A field's log, or the date on which it was filled, "
             "would clear it.",
    "odd": "Leave each final_only. To use its past, export its log."}


@dataclass(frozen=True)
class CheckReport:
    """What a history is worth. rows : of each table. `findings` stand with the most important first."""

    company: str
    as_of: str
    rows: dict[str, int]
    fields: list[FieldReport]
    findings: list[Finding]

    def to_dict(self) -> dict[str, Any]:
        """The report as a JSON document."""
        return {"company": self.company, "as_of": self.as_of, "rows": self.rows,
                "fields": [one.to_dict() for one in self.fields],
                "findings": [one.to_dict() for one in self.findings], "advice": advice(self)}


def check(history: History, as_of: int) -> CheckReport:
    """Look through everything that was known at `as_of`, microseconds."""
    material = Material(history.until(as_of), as_of)
    found = [finding for one in CHECKS for finding in one(material)]
    found.sort(key=lambda one: (WEIGHTS.index(one.weight), -one.size))
    rows = {name: len(table) for name, table in material.history.tables.items()}
    return CheckReport(history.mapping.company, iso(as_of, history.mapping.zone), rows, field_reports(material), found)


def advice(report: CheckReport) -> list[str]:
    """What to mend first, and why, in plain words: a numbered line for each thing to do, most important first.

    Findings with one cure and one reason are told together.
    """
    if not report.findings:
        return ["Nothing stands out. What was measured of each field is in the table."]
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for one in report.findings:
        same = (one.check, one.weight, one.why)
        groups.setdefault(same, []).append(one)
    return [_told(same) for same in groups.values()]


def _told(findings: list[Finding]) -> str:
    first = findings[0]
    if len(findings) == 1 and first.check != "leak":
        return f"{first.what} {first.why} {first.cure}"
    fields = [f"{one.subject} {one.field}" for one in findings if one.field]
    if first.check == "leak":
        cure = first.cure if len(findings) == 1 else _CURE_OF_SEVERAL[first.weight]
        return f"Suspicion of a leak: {', '.join(fields)}. {first.why} {cure}"
    return " ".join([*(one.what for one in findings[:3]), *([f"And {len(findings) - 3} more like these."]
                                                           if len(findings) > 3 else []), first.why, first.cure])
