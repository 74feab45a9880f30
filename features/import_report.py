"""What an import says of itself: counts, what the export can tell, what can be predicted, what to export next.

`ImportReport` is the document for --json; `report_lines` words it for people.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal
from unicodedata import east_asian_width

import numpy as np
import pandas as pd
from sqlalchemy import Connection, and_, false, func, or_, select
from sqlalchemy.sql import ColumnElement

from features.deletions import DELETED, deleted_as_of
from features.endings import LOST, OPEN, WON, is_end, read_endings
from features.history import History
from features.mapping import SUBJECTS, Mapping
from features.settings import Settings
from features.snapshots import repeated_ids
from features.sources.rows import SourceRows
from features.sources.tables import Unreadable
from features.store import contract, outweighed, read_table

__all__ = ["FieldPasts", "ImportReport", "Outcomes", "SourceCounts", "build_report", "report_lines"]

_SHOWN_REJECTS = 5


@dataclass(frozen=True)
class SourceCounts:
    """Rows of one file as one table: read = stored + already_known + rejected."""

    file: str
    rows: str
    read: int
    stored: int
    already_known: int
    rejected: int

    @classmethod
    def of(cls, batch: SourceRows) -> SourceCounts:
        stored, rejected = int(batch.stored.sum()), len(batch.rejected)
        return cls(batch.file, batch.source.rows, batch.read, stored, batch.read - stored - rejected, rejected)


@dataclass(frozen=True)
class FieldPasts:
    """Fields of one kind of subject by what their past is worth."""

    logged: list[str]
    at_creation: list[str]
    final_only: list[str]


@dataclass(frozen=True)
class Outcomes:
    """How subjects of one kind stand by now, in the whole home; what is none of these was deleted. `enough` for a
    model, or too few: pooled rates. undated_ends : those that had ended when they were first seen, without a date of
    it."""

    subjects: int
    good: int
    bad: int
    open: int
    enough: bool
    undated_ends: int


@dataclass(frozen=True)
class ImportReport:
    company: str
    sources: list[SourceCounts]
    rejects: list[dict[str, Any]]
    fields: dict[str, FieldPasts]
    outcomes: dict[Literal["leads", "deals"], Outcomes]
    known_at_assumed: list[str]
    waiting_rows: dict[str, int]
    unmapped_fields: dict[str, int]
    unknown_stages: dict[str, int]
    deleted: dict[str, int] = field(default_factory=dict)
    returned: dict[str, int] = field(default_factory=dict)
    repeated_ids: dict[str, int] = field(default_factory=dict)
    read_as: dict[str, list[str]] = field(default_factory=dict)
    made_dates: dict[str, list[str]] = field(default_factory=dict)
    export_next: list[str] = field(default_factory=list)

    def total(self, what: Literal["read", "stored", "already_known", "rejected"]) -> int:
        return sum(getattr(one, what) for one in self.sources)

    def to_dict(self) -> dict[str, Any]:
        """The report as a JSON document."""
        total = {what: self.total(what) for what in ("read", "stored", "already_known", "rejected")}
        return {**asdict(self), "total": total}


def build_report(connection: Connection, mapping: Mapping, settings: Settings, batches: list[SourceRows],
                 counts: list[SourceCounts], changes: pd.DataFrame) -> ImportReport:
    """Describe an import, inside its transaction, after its rows and the `changes` that they amount to were stored."""
    told = changes[changes["field"] == DELETED]
    fields = _field_pasts(batches)
    unmapped: dict[str, int] = {}
    for batch in batches:
        for name, count in batch.unmapped_fields.items():
            unmapped[name] = unmapped.get(name, 0) + count
    rejected = [one for batch in batches for one in batch.rejected]
    assumed = sorted({batch.file for batch in batches if not batch.source.known_at})
    min_wins = settings.training.min_wins
    outcomes: dict[Literal["leads", "deals"], Outcomes] = {}
    if mapping.leads is not None:
        outcomes["leads"] = _outcomes_of(connection, mapping, "lead", min_wins)
    if any(source.rows == "deals" for source in mapping.sources):
        outcomes["deals"] = _outcomes_of(connection, mapping, "deal", min_wins)
    return ImportReport(
        company=mapping.company, sources=counts, rejects=[_told(one) for one in rejected],
        fields=fields, outcomes=outcomes, known_at_assumed=assumed, waiting_rows=_waiting_rows(connection),
        unmapped_fields=unmapped, unknown_stages=_unknown_stages(connection, mapping),
        deleted=_by_kind(told, "true"), returned=_by_kind(told, "false"), repeated_ids=repeated_ids(batches),
        made_dates={batch.file: sorted(batch.source.made) for batch in batches if batch.source.made},
        read_as={f"{batch.file} as {batch.source.rows}": batch.read_as for batch in batches if batch.read_as},
        export_next=_export_next(connection, mapping, fields, unmapped))


def _by_kind(deletions: pd.DataFrame, value: str) -> dict[str, int]:
    counts = deletions.loc[deletions["value"] == value, "subject"].value_counts()
    return {str(kind): int(count) for kind, count in counts.sort_index().items()}


def _told(reject: Unreadable) -> dict[str, Any]:
    """What is said of a row that was set aside; its cells stay in the store."""
    return {name: value for name, value in asdict(reject).items() if name != "cells"}


def _field_pasts(batches: list[SourceRows]) -> dict[str, FieldPasts]:
    """Of the fields that were read: a log of a field outweighs what an entity's column says of it."""
    rank = ["final_only", "at_creation", "logged"]
    found: dict[str, dict[str, str]] = {}
    for batch in batches:
        kind = batch.source.subject_kind
        for name, spec in batch.source.fields.items() if kind else ():
            past = "logged" if batch.source.rows == "changes" else spec.past
            ours = found.setdefault(str(kind), {})
            ours[name] = max(past, ours.get(name, "final_only"), key=rank.index)
    return {kind: FieldPasts(**{past: sorted(name for name, its in fields.items() if its == past) for past in rank})
            for kind, fields in found.items()}


def _outcomes_of(connection: Connection, mapping: Mapping, kind: str, min_wins: int) -> Outcomes:
    history = _ending_history(connection, mapping, kind)
    endings = read_endings(history, kind)
    if kind == "lead":  # a lead that has ended is one, whatever its status says afterwards
        endings = endings.ends_only()
    codes, state, _, _ = endings.last
    subjects, good, bad = len(history.subjects(kind)), int((state == WON).sum()), int((state == LOST).sum())
    undated = _undated_ends(history, kind)
    gone = np.ones(subjects, dtype=bool)
    gone[codes[state != OPEN]] = False
    now = np.full(subjects, np.iinfo(np.int64).max)
    gone &= deleted_as_of(history, kind, np.arange(subjects), now)
    return Outcomes(subjects, good, bad, subjects - good - bad - int(gone.sum()), good >= min_wins, undated)


def _ending_history(connection: Connection, mapping: Mapping, kind: str) -> History:
    """As much of the history as the ends of a kind are read from."""
    changes, activities = contract["changes"], contract["activities"]
    kinds = sorted({one.activity for _, one in mapping.endings(kind) if one.activity})
    only: dict[str, list[ColumnElement[bool]]] = {name: [false()] for name in contract}
    only["leads"] = only["deals"] = []
    only["changes"] = [changes.c.subject == kind, changes.c.field.in_(sorted({*mapping.ending_fields(kind), DELETED}))]
    only["activities"] = [activities.c.subject == kind, activities.c.kind.in_(kinds)]
    return History({name: read_table(connection, name, only=picked) for name, picked in only.items()}, mapping)


def _undated_ends(history: History, kind: str) -> int:
    """Subjects of whose field one single value is known, an end, as of the moment of an import: a snapshot that had no
    date for it."""
    found: set[str] = set()
    ending = history.tables["changes"]
    for name, rows in ending[ending["field"] != DELETED].groupby("field"):
        single = rows[~rows["subject_id"].duplicated(keep=False) & (rows["changed_at"] == rows["recorded_at"])]
        found |= set(single["subject_id"][is_end(history.mapping, kind, str(name), single["value"])])
    return len(found)


def _waiting_rows(connection: Connection) -> dict[str, int]:
    """Changes and activities about subjects that no file created, by kind; none are left out."""
    waiting: dict[str, int] = {}
    for table in (contract["changes"], contract["activities"]):
        unknown = [and_(table.c.subject == kind,
                        table.c.subject_id.not_in(select(contract[subjects].c[f"{kind}_id"])))
                   for kind, subjects in SUBJECTS.items()]
        for kind, count in connection.execute(select(table.c.subject, func.count()).where(
                or_(*unknown), ~outweighed(table)).group_by(table.c.subject)):
            waiting[kind] = waiting.get(kind, 0) + int(count)
    return waiting


def _unknown_stages(connection: Connection, mapping: Mapping) -> dict[str, int]:
    """Stages in the store that the mapping does not list, with the number of their rows: no outcome is seen in them."""
    changes = contract["changes"]
    rows = connection.execute(
        select(changes.c.value, func.count()).where(changes.c.subject == "deal", changes.c.field == "stage",
                                                    changes.c.value.is_not(None), ~outweighed(changes))
        .group_by(changes.c.value).order_by(changes.c.value)).all()
    if not mapping.stages and mapping.deals:
        return {}  # it is not by their stages that deals end
    listed = {stage.name for stage in mapping.stages}
    return {str(value): int(count) for value, count in rows if value not in listed}


def _export_next(connection: Connection, mapping: Mapping, fields: dict[str, FieldPasts],
                 unmapped: dict[str, int]) -> list[str]:
    """What would make the most of the next export, most telling first."""
    advice = []
    last_only = [f"{kind} {name}" for kind, pasts in fields.items() for name in pasts.final_only]
    if last_only:
        plural = "s" if len(last_only) > 1 else ""
        advice.append(f"add the field history: {len(last_only)} more field{plural} would have a past "
                      f"({', '.join(last_only)})")
        advice.append("import again weekly: changes are kept from today")
    if unmapped:
        advice.append(f"map {len(unmapped)} more fields of the field history: {', '.join(unmapped)}")
    if any(source.rows in ("changes", "activities") and not source.known_at for source in mapping.sources):
        advice.append("add the time at which each change or activity was entered (known_at): without it, one that was "
                      "entered late counts from the date that it claims")
    if any(source.rows == "deal_contacts" and "valid_from" not in source.columns for source in mapping.sources):
        advice.append("add the date since when each contact takes part in a deal (valid_from): without it, one counts "
                      "from the import on that first saw it")
    lacking = {"activities": "calls, mails and meetings tell which deals move",
               "contacts": "with deal_contacts, who takes part in the decision",
               "owners": "with manager_id, forecasts by owner and team carry names",
               "leads": "they tell what new business is coming"}
    for table, why in lacking.items():
        if not connection.execute(select(contract[table].c.identity).limit(1)).first():
            advice.append(f"add {table}: {why}")
    deal_fields = fields.get("deal")
    if deal_fields and "expected_close" not in (*deal_fields.logged, *deal_fields.at_creation, *deal_fields.final_only):
        advice.append("add the deals' expected close date (expected_close)")
    return advice


def report_lines(report: ImportReport, home: str) -> list[str]:
    """The report as plain lines of text; `home` is the folder that commands to come are to name."""
    lines = _counts(report)
    if report.read_as:
        lines += ["", "How the files were found to be written", *(f"  {name}: {', '.join(words)}"
                                                                  for name, words in report.read_as.items())]
    if report.rejects:
        lines += ["", f"Set aside: {_counted(len(report.rejects), 'row', 'rows')}"]
        lines += [f"  {_reject_line(one)}" for one in report.rejects[:_SHOWN_REJECTS]]
        if len(report.rejects) > _SHOWN_REJECTS:
            lines.append(f"  and {len(report.rejects) - _SHOWN_REJECTS:,} more")
        lines.append(f"  Show them: dealcast --home {home} rejects. After a fix: dealcast --home {home} rejects retry, "
                     "or import the file again")
    lines += ["", "What this export can tell you"]
    for kind, pasts in report.fields.items():
        for title, names in (("with a past", pasts.logged), ("fixed at creation", pasts.at_creation),
                             ("last value only", pasts.final_only)):
            if names:
                lines.append(f"  {kind} fields {title}: {', '.join(names)}")
    if report.known_at_assumed:
        lines.append("  when an entry was made is assumed to be the date that it claims, in: "
                     f"{', '.join(report.known_at_assumed)}")
    for file, names in report.made_dates.items():
        lines.append(f"  dates that the mapping makes up, since {file} has none: {', '.join(names)}")
    for kind, count in report.waiting_rows.items():
        lines.append(f"  {_counted(count, 'row is', 'rows are')} about {kind}s that no file created: kept, unused "
                     "until those arrive")
    for kind, count in report.deleted.items():
        lines.append(f"  {_counted(count, f'{kind} is', f'{kind}s are')} gone from the full snapshot: deleted from now "
                     "on, with a past that stays")
    for kind, count in report.returned.items():
        lines.append(f"  {_counted(count, f'deleted {kind} is', f'deleted {kind}s are')} there again")
    for file, count in report.repeated_ids.items():
        lines.append(f"  {file}: {_counted(count, 'row repeats', 'rows repeat')} an id with other content; of each id "
                     "one row counts, the one entered or created last")
    lines += ["", "Outcomes found, and what can be predicted"]
    words = {"leads": ("converted", "disqualified"), "deals": ("won", "lost")}
    for name, found in report.outcomes.items():
        good, bad = words[name]
        deleted = found.subjects - found.good - found.bad - found.open
        gone = f", {deleted:,} deleted" if deleted else ""
        verdict = "enough for a model" if found.enough else "too few for a model of their own: pooled rates"
        lines.append(f"  {_counted(found.subjects, name[:-1], name)}: {found.good:,} {good}, {found.bad:,} {bad}, "
                     f"{found.open:,} open{gone}: {verdict}")
        if found.undated_ends:
            lines.append(f"  {found.undated_ends:,} of them had ended already, without a date: they count as "
                         "ended when they were imported. Map closed_at to put them where they belong")
    if report.unknown_stages:
        listed = ", ".join(f"{name} ({_counted(count, 'row', 'rows')})"
                           for name, count in report.unknown_stages.items())
        lines.append(f"  stages that the mapping does not list, taken as open: {listed}")
    if not report.outcomes:
        lines.append("  none: the mapping describes neither deals nor a lead's outcome")
    if report.export_next:
        lines += ["", "What to export next", *(f"  - {one}" for one in report.export_next)]
    return lines


def _counts(report: ImportReport) -> list[str]:
    """Rows of each file by what became of them, as a table."""
    counted = [(f"{one.file} as {one.rows}", one.read, one.stored, one.already_known, one.rejected)
               for one in report.sources]
    if len(counted) > 1:
        counted.append(("total", report.total("read"), report.total("stored"), report.total("already_known"),
                        report.total("rejected")))
    width = max([44, *(_cells_wide(name) for name, *_ in counted)])
    titles = "".join(f"{name:>15}" for name in ("read", "stored", "already known", "rejected"))
    return ["Rows".ljust(width) + titles,
            *(name + " " * (width - _cells_wide(name)) + "".join(f"{count:>15,}" for count in counts)
              for name, *counts in counted)]


def _cells_wide(text: str) -> int:
    """How wide a terminal shows a text: a Chinese character takes the room of two letters."""
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def _reject_line(one: dict[str, Any]) -> str:
    what = f"{one['column']} '{one['value']}' " if one["column"] else ""
    return f"{one['file']}, line {one['line']}: {what}{one['reason']}"


def _counted(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
