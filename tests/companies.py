"""Small companies for tests of the import: a mapping and a few files, from plain text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from features.home import Home
from features.import_report import ImportReport
from features.importing import import_files
from features.mapping import parse_mapping

DAY = 86_400_000_000
NOW = 20_000 * DAY  # 2024-10-04 in UTC, the moment of the first import

HEAD = """
company: Test
time_zone: {zone}
currency: EUR
stages:
  - {{name: Talk}}
  - {{name: Offer}}
  - {{name: Won, outcome: won}}
  - {{name: Filed, reopens: false}}
  - {{name: Lost, outcome: lost}}
sources:
"""

DEALS = """
  - file: deals.csv
    rows: deals
    columns: {deal_id: id, created_at: created}
    fields:
      stage: {column: stage, past: final_only, closed_at: closed}
      amount: {column: amount, type: money, past: final_only}
      industry: {column: industry, past: at_creation}
"""

LOG = """
  - file: log*.csv
    rows: changes
    subject: deal
    columns: {subject_id: id, changed_at: at, field: field, value: value}
    fields:
      stage: {column: Stage, past: logged}
      amount: {column: Amount, type: money, past: logged}
      expected_close: {column: Close date, type: date, past: logged}
"""

CALLS = """
  - file: calls.csv
    rows: activities
    subject: deal
    columns: {subject_id: id, happened_at: at, kind: kind, duration_seconds: seconds}
"""


def mapping_text(*sources: str, zone: str = "UTC") -> str:
    return HEAD.format(zone=zone) + "".join(sources)


def write(folder: Path, **files: str) -> Path:
    """Write CSV files by name into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        lines = [line.strip() for line in text.strip().splitlines()]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def bring_in(home: Path, path: Path, text: str, at: int = NOW) -> ImportReport:
    """Import into a home, as the command does."""
    return import_files(Home.open(home, must_exist=False), path, parse_mapping(text, "the test's mapping"), text, at)


def changes(home: Path, name: str | None = None) -> list[tuple[Any, ...]]:
    """What a home knows of changes, sorted: (subject_id, field, value, day of change, day of being known)."""
    table = Home.open(home).history().tables["changes"]
    if name is not None:
        table = table[table["field"] == name]
    rows = [(one.subject_id, one.field, None if pd.isna(one.value) else one.value, one.changed_at / DAY,
             one.known_at / DAY) for one in table.itertuples()]
    return sorted(rows, key=repr)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    """(read, stored, already known, rejected) of an import, whose sum is held on the way."""
    read, *parts = (report.total(what) for what in ("read", "stored", "already_known", "rejected"))
    assert read == sum(parts)
    assert all(one.read == one.stored + one.already_known + one.rejected for one in report.sources)
    return read, parts[0], parts[1], parts[2]


def day(text: str) -> float:
    """Days since 1970 of a time, in UTC unless it has an offset."""
    moment = pd.Timestamp(text)
    return (moment if moment.tzinfo else moment.tz_localize("UTC")).value / 1000 / DAY


def deals_file(folder: Path, rows: str) -> Path:
    """Write deals.csv with these rows, as `DEALS` maps it, and return the folder."""
    return write(folder, deals="id,created,stage,closed,amount,industry\n" + rows.strip())
