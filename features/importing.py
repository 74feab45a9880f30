"""Import: a company's files, by its mapping, into its home.

One import is one transaction: it is in the store as a whole or not at all. Importing a file again changes nothing, and
the order of files does not matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select

from features.calendar import business_clock
from features.corrections import corrections_when_seen, note_since
from features.erasure import erase_again, without_erased
from features.errors import BadInput
from features.home import Home, claim_company, with_part
from features.import_report import ImportReport, SourceCounts, build_report
from features.mapping import Mapping
from features.money import minor_digits
from features.owners import owner_rows
from features.rejects import read_again, settle, settle_mended, store_rejects
from features.snapshots import field_changes
from features.sources.added import file_columns, table_to_join, with_added_columns
from features.sources.reader import columns_needed
from features.sources.rows import SourceRows, contract_rows
from features.sources.tables import find_files, read_tables, reading_options
from features.sources.values import EMPTY
from features.store import add_rows, contract, imports, read_table

__all__ = ["check_mapping", "import_files", "retry_rejects"]

Progress = Callable[[str], None]


def import_files(home: Home, path: Path, mapping: Mapping, mapping_text: str, recorded_at: int,
                 progress: Progress | None = None) -> ImportReport:
    """Import a file, or a folder of files, as `mapping` describes them.

    `recorded_at` is now, in microseconds; `progress` is told each step in a few words. Raises BadInput, NotFound and
    Conflict, and then leaves the home as it was.
    """
    tell = progress or (lambda step: None)
    together, has_rates = mapping, False
    if home.store.exists():
        with home.store.read() as connection:
            together = with_part(home, connection, mapping)
            has_rates = _has_rates(connection)
    check_mapping(mapping)
    batches = _read_files(path, mapping, has_rates or together.has_rates, tell)
    home.path.mkdir(parents=True, exist_ok=True)
    tell(f"storing {sum(batch.read for batch in batches):,} rows")
    with home.store.write(tell) as connection:
        together = claim_company(home, connection, mapping, mapping_text)
        batches = without_erased(connection, batches, together)
        _store_rows(connection, batches, recorded_at)
        changes = field_changes(connection, batches, together, recorded_at, home.settings.imports.most_deleted)
        if len(changes):
            _store_frame(connection, "changes", changes, batches)
        counts = [SourceCounts.of(batch) for batch in batches]
        report = build_report(connection, together, home.settings, batches, counts, changes)
        import_id = _remember(connection, path.resolve().name, report, batches, recorded_at)
        store_rejects(connection, import_id, batches)
        erase_again(connection, together)
    return report


def retry_rejects(home: Home, mapping: Mapping | None, mapping_text: str, recorded_at: int) -> ImportReport:
    """Try the rows that were set aside again, with a newer mapping or (None) the home's own.

    The report counts the rows that were tried: those that can be read now are stored and settled, the others go on
    waiting. Raises NotFound when none waits, and what `import_files` raises.
    """
    ours = home.mapping
    with home.store.write() as connection:
        together = ours if mapping is None else claim_company(home, connection, mapping, mapping_text)
        retried = read_again(connection, together, _has_rates(connection) or together.has_rates)
        batches = without_erased(connection, [one.batch for one in retried], together)
        _store_rows(connection, batches, recorded_at)
        changes = field_changes(connection, batches, together, recorded_at, home.settings.imports.most_deleted)
        if len(changes):
            _store_frame(connection, "changes", changes, batches)
        counts = [SourceCounts.of(batch) for batch in batches]
        report = build_report(connection, together, home.settings, batches, counts, changes)
        import_id = _remember(connection, "rejects", report, [], recorded_at)
        settle(connection, [reject for one in retried for reject in one.settled()], import_id, recorded_at)
        erase_again(connection, together)
    return report


def _read_files(path: Path, mapping: Mapping, has_rates: bool, tell: Progress) -> list[SourceRows]:
    found = [(source, file) for source in mapping.sources for file in find_files(path, source)]
    if not found:
        patterns = ", ".join(source.file or "" for source in mapping.sources)
        raise BadInput(f"{path.name} is none of the files that the mapping describes: {patterns}.")
    several: dict[tuple[object, ...], list[int]] = {}  # sources that read one file in one way: it is read once
    for i, (source, file) in enumerate(found):
        several.setdefault((file, *reading_options(source)), []).append(i)
    batches: dict[int, list[SourceRows]] = {}
    for ours in several.values():
        source, file = found[ours[0]]
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        tell(f"reading {name}")
        wanted = {column for i in ours for column in file_columns(found[i][0], columns_needed(found[i][0]))}
        tables = read_tables(file, source, wanted, name)
        for i in ours:
            source = found[i][0]
            to_join = [table_to_join(path if path.is_dir() else path.parent, one, source) for one in source.join]
            batches[i] = [contract_rows(with_added_columns(table, source, to_join), source, mapping,
                                        has_rates=has_rates) for table in tables]
    return [batch for i in sorted(batches) for batch in batches[i]]


def _has_rates(connection: Connection) -> bool:
    return connection.execute(select(contract["rates"].c.rate).limit(1)).first() is not None


def check_mapping(mapping: Mapping) -> None:
    """Refuse what could not be used later: a currency or a country that does not exist."""
    minor_digits(mapping.currency)
    business_clock(np.zeros(1, dtype=np.int64), mapping)


def _store_rows(connection: Connection, batches: list[SourceRows], recorded_at: int) -> None:
    """Store the rows that stand by themselves, table by table, and note which were new."""
    note_since(connection, batches)
    for table in contract:
        ours = [batch for batch in batches if batch.source.rows == table]
        frames = [batch.frame.assign(source=batch.file, recorded_at=recorded_at, batch=i)
                  for i, batch in enumerate(ours)]
        if not frames:
            continue
        frame = pd.concat(frames, ignore_index=True)
        if table == "owners":
            frame = owner_rows(read_table(connection, table), frame, ours, recorded_at)
        frame = corrections_when_seen(connection, table, frame, ours, recorded_at)
        _store_frame(connection, table, frame, ours)
    _date_undated(connection, batches)


def _date_undated(connection: Connection, batches: list[SourceRows]) -> None:
    """Give the fields of rows without a date of creation the one that the store gave to their subject."""
    for batch in batches:
        for rows in (values.rows for values in batch.fields):
            undated = rows["created_at"] == EMPTY
            if undated.any():
                table = contract[batch.source.rows]
                key = table.c[f"{batch.source.subject_kind}_id"]
                created = dict(connection.execute(select(key, func.min(table.c.created_at)).group_by(key)).all())
                rows.loc[undated, "created_at"] = rows.loc[undated, "subject_id"].map(created).astype("int64")


def _store_frame(connection: Connection, table: str, frame: pd.DataFrame, batches: list[SourceRows]) -> None:
    new = frame[add_rows(connection, table, frame)]
    new = new[new["batch"] >= 0]  # what is missing from a file stands in none of its rows
    for i, rows in new.groupby("batch")["row"]:
        batches[int(str(i))].stored[rows.to_numpy()] = True


def _remember(connection: Connection, path: str, report: ImportReport, batches: list[SourceRows],
              recorded_at: int) -> int:
    """Keep the report and what was set aside. Only a name of PATH: a home knows nothing of where files lay."""
    about = {"recorded_at": recorded_at, "path": path, "report": json.dumps(report.to_dict())}
    stored = connection.execute(imports.insert().values(about)).inserted_primary_key
    assert stored is not None
    import_id = int(stored[0])
    settle_mended(connection, import_id, batches, recorded_at)
    return import_id
