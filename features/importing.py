"""Import: a company's files, by its mapping, into its home.

One import is one transaction: it is in the store as a whole or not at all. Importing a file again changes nothing, and
the order of files does not matter. What only has a last value is compared with the last value that the store knows, so
that repeated imports of a snapshot become changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from features.calendar import business_clock
from features.errors import BadInput
from features.home import Home, check_company, claim_company, stored_mapping
from features.import_report import ImportReport, SourceCounts, build_report
from features.mapping import Mapping
from features.money import minor_digits
from features.sources.rows import FieldValues, SourceRows, contract_rows
from features.sources.tables import RawTable, find_files, read_table
from features.sources.values import EMPTY
from features.store import add_rows, contract, imports, rejects

__all__ = ["import_files"]

Progress = Callable[[str], None]


def import_files(home: Home, path: Path, mapping: Mapping, mapping_text: str, recorded_at: int,
                 progress: Progress | None = None) -> ImportReport:
    """Import a file, or a folder of files, as `mapping` describes them.

    `recorded_at` is now, in microseconds; `progress` is told each step in a few words. Raises BadInput, NotFound and
    Conflict, and then leaves the home as it was.
    """
    tell = progress or (lambda step: None)
    if home.store.exists():
        with home.store.read() as connection:
            check_company(home, stored_mapping(connection), mapping)
    _check_mapping(mapping)
    batches = _read_files(path, mapping, tell)
    home.path.mkdir(parents=True, exist_ok=True)
    tell(f"storing {sum(batch.read for batch in batches):,} rows")
    with home.store.write() as connection:
        claim_company(home, connection, mapping, mapping_text)
        _store_rows(connection, batches, recorded_at)
        _store_field_values(connection, batches, mapping, recorded_at)
        counts = [SourceCounts.of(batch) for batch in batches]
        report = build_report(connection, mapping, home.settings, batches, counts)
        _remember(connection, path, report, batches, recorded_at)
    return report


def _read_files(path: Path, mapping: Mapping, tell: Progress) -> list[SourceRows]:
    found = [(source, file) for source in mapping.sources for file in find_files(path, source)]
    if not found:
        patterns = ", ".join(source.file or "" for source in mapping.sources)
        raise BadInput(f"{path.name} is none of the files that the mapping describes: {patterns}.")
    tables: dict[tuple[object, ...], RawTable] = {}  # several sources may read one file
    batches = []
    for source, file in found:
        key = (file, source.sheet, source.delimiter, source.encoding)
        if key not in tables:
            tell(f"reading {file.name}")
            tables[key] = read_table(file, source)
        batches.append(contract_rows(tables[key], source, mapping))
    return batches


def _check_mapping(mapping: Mapping) -> None:
    """Refuse what could not be used later: a currency or a country that does not exist."""
    minor_digits(mapping.currency)
    business_clock(np.zeros(1, dtype=np.int64), mapping)


def _store_rows(connection: Connection, batches: list[SourceRows], recorded_at: int) -> None:
    """Store the rows that stand by themselves, table by table, and note which were new."""
    for table in contract:
        ours = [batch for batch in batches if batch.source.rows == table]
        frames = [batch.frame.assign(source=batch.file, recorded_at=recorded_at, batch=i)
                  for i, batch in enumerate(ours)]
        if frames:
            _store_frame(connection, table, pd.concat(frames, ignore_index=True), ours)


def _store_frame(connection: Connection, table: str, frame: pd.DataFrame, batches: list[SourceRows]) -> None:
    new = frame[add_rows(connection, table, frame)]
    for i, rows in new.groupby("batch")["row"]:
        batches[int(str(i))].stored[rows.to_numpy()] = True


def _store_field_values(connection: Connection, batches: list[SourceRows], mapping: Mapping, recorded_at: int) -> None:
    """Turn the fields of entity rows into changes, by what the store knows of each, and store them."""
    by_field: dict[tuple[str, str], list[tuple[int, str, FieldValues]]] = {}
    for i, batch in enumerate(batches):
        for values in batch.fields:
            by_field.setdefault((values.kind, values.name), []).append((i, batch.file, values))
    logged = {(batch.source.subject, name) for batch in batches if batch.source.rows == "changes" and len(batch.frame)
              for name in batch.source.fields}
    frames = []
    for (kind, name), parts in by_field.items():
        known = _known_changes(connection, kind, name, mapping)
        rows = pd.concat([part.rows.assign(batch=i, source=file, past=part.spec.past) for i, file, part in parts],
                         ignore_index=True)
        frames.append(_as_changes(rows, known, (kind, name) in logged, recorded_at).assign(subject=kind, field=name))
    if frames:
        frame = pd.concat(frames, ignore_index=True).assign(recorded_at=recorded_at, sequence=0)
        _store_frame(connection, "changes", frame, batches)


def _known_changes(connection: Connection, kind: str, name: str, mapping: Mapping) -> pd.DataFrame:
    """What the store knows of one field, each subject's changes from oldest to newest."""
    table = contract["changes"]
    columns = ["subject_id", "value", "changed_at", "sequence"]
    statement = select(*(table.c[one] for one in columns)).where(table.c.subject == kind, table.c.field == name)
    rows = connection.execute(statement).all()
    known = pd.DataFrame({one: pd.Series(values, dtype="str" if one in ("subject_id", "value") else "int64")
                          for one, values in zip(columns, zip(*rows, strict=True) if rows else [()] * 4, strict=True)})
    order = {stage.name: i for i, stage in enumerate(mapping.stages)} if name == "stage" else {}
    known["rank"] = known["value"].map(order).astype("float64").fillna(len(order))
    return known.sort_values(["subject_id", "changed_at", "sequence", "rank", "value"], ignore_index=True)


def _as_changes(rows: pd.DataFrame, known: pd.DataFrame, has_log: bool, recorded_at: int) -> pd.DataFrame:
    """Changes that entity rows amount to: subject_id, value, changed_at, known_at, whether that is assumed, source,
    batch and row.

    A value that does not change after creation, or whose log has no entry for the subject, was so from creation on,
    unless the row says when it ended. Any other value that differs from the last known one became so when it ended, if
    that date is known, else now.
    """
    rows = rows.drop_duplicates("subject_id", keep="last")
    last = known.drop_duplicates("subject_id", keep="last").set_index("subject_id")
    last_at = rows["subject_id"].map(last["changed_at"]).fillna(EMPTY).astype("int64")
    last_value = rows["subject_id"].map(last["value"]).astype("str")
    at_creation = known.merge(rows[["subject_id", "created_at"]], on="subject_id")
    at_creation = at_creation[at_creation["changed_at"] == at_creation["created_at"]]
    there = pd.Series(list(zip(rows["subject_id"], rows["value"].fillna(""), strict=True)), index=rows.index)
    same_there = there.isin(set(zip(at_creation["subject_id"], at_creation["value"].fillna(""), strict=True)))
    other_there = rows["subject_id"].isin(at_creation["subject_id"]) & ~same_there
    unknown = last_at == EMPTY

    ended = rows["closed_at"] != EMPTY
    from_start = rows["value"].notna() & ~ended & (
        ((rows["past"] == "at_creation") & ~other_there) | ((rows["past"] == "logged") & has_log & unknown))
    # An at_creation value that stands there already has nothing to say about today: a log may have moved on.
    differs = (rows["value"].fillna("") != last_value.fillna("")) & ~from_start
    claimed = rows["closed_at"].where(ended, recorded_at)
    # Not before the creation (a mere date is 00:00 of its day), and after what was known: it differs from that.
    seen_at = np.maximum(np.maximum(claimed, rows["created_at"]), last_at.where(~unknown, EMPTY) + 1)
    changed_at = rows["created_at"].where(from_start, seen_at)
    stated = rows["known_at"].where(from_start | ended, EMPTY)
    known_at = stated.where(stated != EMPTY, changed_at)
    found = rows.assign(changed_at=changed_at, known_at=known_at, known_at_assumed=stated == EMPTY)
    columns = ["subject_id", "value", "changed_at", "known_at", "known_at_assumed", "source", "batch", "row"]
    return found.loc[from_start | differs, columns]


def _remember(connection: Connection, path: Path, report: ImportReport, batches: Iterable[SourceRows],
              recorded_at: int) -> None:
    """Keep the report and what was set aside. Only the name of PATH: a home knows nothing of where files lay."""
    text = json.dumps(report.to_dict())
    about = {"recorded_at": recorded_at, "path": path.resolve().name, "report": text}
    import_id = connection.execute(imports.insert().values(about)).inserted_primary_key
    assert import_id is not None
    rows = [{"import_id": import_id[0], "file": one.file, "line": one.line, "column": one.column, "value": one.value,
             "reason": one.reason} for batch in batches for one in batch.rejected]
    if rows:
        connection.execute(rejects.insert(), rows)
