"""Small histories for tests, built from plain tuples."""

from __future__ import annotations

from typing import Any

import pandas as pd

from features.calendar import DAY
from features.history import History
from features.mapping import TABLE_COLUMNS, Mapping, parse_mapping

MAPPING = """
company: Test
time_zone: UTC
currency: EUR
stages:
  - {name: Talk}
  - {name: Offer}
  - {name: Won, outcome: won}
  - {name: Filed, reopens: false}
  - {name: Lost, outcome: lost}
leads: {converted: [Converted], disqualified: [Out], horizon: {days: 60, from: created}}
sources:
  - rows: deals
    file: deals.csv
    columns: {deal_id: id, created_at: created}
    fields:
      industry: {column: industry, past: at_creation}
      amount: {column: amount, type: money, past: at_creation}
  - rows: leads
    file: leads.csv
    columns: {lead_id: id, created_at: created}
    fields:
      status: {column: status, past: final_only}
"""

TIMES = {"created_at", "changed_at", "happened_at", "valid_from", "made_at", "known_at", "recorded_at", "sequence"}


def mapping() -> Mapping:
    return parse_mapping(MAPPING, "the test's mapping")


def history(*, deals: dict[str, float] | None = None, leads: dict[str, float] | None = None,
            changes: list[dict[str, Any]] | None = None, activities: list[dict[str, Any]] | None = None,
            deal_contacts: list[dict[str, Any]] | None = None, owners: list[dict[str, Any]] | None = None,
            quotas: list[dict[str, Any]] | None = None, calls: list[dict[str, Any]] | None = None,
            described_by: Mapping | None = None) -> History:
    """A history whose times are given in days since 1970. `deals` and `leads` map ids to days of creation; a row's
    `known` is the day from which it was known, by default its own."""
    rows: dict[str, list[dict[str, Any]]] = {
        "deals": [{"deal_id": one, "created": day} for one, day in (deals or {}).items()],
        "leads": [{"lead_id": one, "created": day} for one, day in (leads or {}).items()],
        "changes": changes or [], "activities": activities or [], "deal_contacts": deal_contacts or [],
        "owners": owners or [], "quotas": quotas or [], "calls": calls or []}
    return History({name: _table(name, rows.get(name, [])) for name in TABLE_COLUMNS}, described_by or mapping())


def change(subject_id: str, field: str, value: str | None, day: float, *, kind: str = "deal", sequence: int = 0,
           known: float | None = None) -> dict[str, Any]:
    return {"subject": kind, "subject_id": subject_id, "field": field, "value": value, "changed": day,
            "sequence": sequence, "known": day if known is None else known}


def activity(subject_id: str, day: float, *, kind: str = "call", direction: str = "outbound", subject: str = "deal",
             known: float | None = None) -> dict[str, Any]:
    return {"activity_id": f"{subject_id}-{day}-{kind}", "subject": subject, "subject_id": subject_id, "kind": kind,
            "direction": direction, "happened": day, "known": day if known is None else known}


def _table(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    own = {"changes": "changed", "activities": "happened", "deal_contacts": "valid", "owners": "valid",
           "quotas": "valid", "calls": "made"}.get(
        name, "created")
    columns = [*TABLE_COLUMNS[name], *(["subject"] if name in ("changes", "activities") else []), "known_at",
               "recorded_at", "source"]
    frame = pd.DataFrame([{column: row.get(column) for column in columns} for row in rows], columns=columns,
                         dtype=object)
    for column in columns:
        if column in TIMES and column != "sequence":
            days = [row.get("known", row[own]) if column in ("known_at", "recorded_at") else row[own] for row in rows]
            frame[column] = pd.Series([round(day * DAY) for day in days], dtype="int64")
        if column == "sequence":
            frame[column] = pd.Series([row.get("sequence", 0) for row in rows], dtype="int64")
    return frame
