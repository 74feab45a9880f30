"""Rejects: rows that could not be read. They wait in the store, with their cells, until a fix lets them in.

An open reject is settled when its row is stored after all: by a retry with a better mapping, or by an import of the
mended file. A row that is refused again as it was is the same reject and stands once.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select, update

from features.errors import BadInput, NotFound
from features.mapping import SUBJECTS, Mapping, Source
from features.sources.reader import columns_needed
from features.sources.rows import SourceRows, contract_rows
from features.sources.tables import RawTable
from features.store import contract, rejects

__all__ = ["KEPT_COLUMNS", "Retried", "file_name", "label", "open_rejects", "read_again", "settle", "settle_mended",
           "store_rejects", "summary"]

KEPT_COLUMNS = ["reject_id", "import_id", "file", "line", "column", "value", "reason", "source", "cells"]
_SHOWN_EXAMPLES = 3
_TEXT_FILES = (".csv", ".tsv", ".txt", ".gz", ".zip")


def label(batch: SourceRows) -> str:
    """Which source of the mapping a row belongs to, in words: "deals.csv as deals"."""
    return f"{batch.file} as {batch.source.rows}"


def file_name(source: str) -> str:
    """The name alone of a row's source, which may hold a folder before it and a sheet after it."""
    return PurePath(source.split(", sheet '")[0]).name


def open_rejects(connection: Connection) -> pd.DataFrame:
    """Rejects that nothing has settled yet, in the order of their files and lines: `KEPT_COLUMNS`."""
    columns = [rejects.c[name] for name in KEPT_COLUMNS]
    rows = connection.execute(select(*columns).where(rejects.c.settled_at.is_(None))
                              .order_by(rejects.c.file, rejects.c.line, rejects.c.reject_id)).all()
    return pd.DataFrame(rows, columns=KEPT_COLUMNS, dtype=object)


def summary(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Open rejects by file, column and reason: count, lines and values of the first few; the most frequent first."""
    found = []
    for (file, column, reason), ours in rows.groupby(["file", "column", "reason"], dropna=False, sort=True):
        found.append({"file": file, "column": column if isinstance(column, str) else None, "reason": reason,
                      "count": len(ours), "lines": [int(line) for line in ours["line"].head(_SHOWN_EXAMPLES)],
                      "values": [value for value in ours["value"].drop_duplicates().head(_SHOWN_EXAMPLES)
                                 if isinstance(value, str)]})
    return sorted(found, key=lambda one: (-int(one["count"]), str(one["file"]), str(one["column"])))


def store_rejects(connection: Connection, import_id: int, batches: list[SourceRows]) -> None:
    """Keep what an import set aside; a row that is refused as before stands there already."""
    known = {_key(one) for one in open_rejects(connection).to_dict("records")}
    rows = [{"import_id": import_id, "file": one.file, "line": one.line, "column": one.column, "value": one.value,
             "reason": one.reason, "source": label(batch),
             "cells": None if one.cells is None else json.dumps(one.cells, ensure_ascii=False)}
            for batch in batches for one in batch.rejected]
    new = [row for row in rows if _key(row) not in known]
    if new:
        connection.execute(rejects.insert(), new)


def _key(row: dict[Any, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("source", "line", "column", "value", "reason", "cells"))


def settle(connection: Connection, reject_ids: list[int], import_id: int, settled_at: int) -> None:
    """Mark rejects as settled by an import or a retry."""
    if reject_ids:
        connection.execute(update(rejects).where(rejects.c.reject_id.in_(reject_ids))
                           .values(settled_at=settled_at, settled_by=import_id))


def settle_mended(connection: Connection, import_id: int, batches: list[SourceRows], settled_at: int) -> None:
    """Settle the open rejects whose row an import has now read: of leads, deals, accounts and contacts by their id, of
    other rows by their line, where that is about the same."""
    waiting = open_rejects(connection)
    if not len(waiting):
        return
    done: list[int] = []
    for batch in batches:
        ours = waiting[(waiting["source"] == label(batch)) & waiting["cells"].notna()]
        id_column = _id_column(batch.source)
        cell = batch.source.columns.get(id_column or "")
        if not len(ours) or id_column is None or cell is None:
            continue
        read = batch.frame[[id_column]].assign(line=batch.line[batch.frame["row"].to_numpy(np.int64)])
        ids = [(json.loads(cells).get(cell) or "").strip() for cells in ours["cells"]]
        if batch.source.rows in SUBJECTS.values():
            mended = pd.Series(ids).isin(read[id_column])
        else:
            there = set(zip(read[id_column], read["line"], strict=True))
            mended = pd.Series([pair in there for pair in zip(ids, ours["line"], strict=True)])
        done += [int(one) for one in ours["reject_id"].to_numpy()[mended.to_numpy(bool)]]
    settle(connection, done, import_id, settled_at)


def _id_column(source: Source) -> str | None:
    if source.rows in ("changes", "activities"):
        return "subject_id"
    return next((name for name in (f"{source.rows[:-1]}_id", "deal_id", "currency") if name in source.columns), None)


# ---- again ----


@dataclass(frozen=True)
class Retried:
    """Rejects of one source that were read again: what came of it, and the reject that each line was."""

    batch: SourceRows
    reject_ids: dict[int, int]  # line of the retried rows, numbered anew, to reject

    def settled(self) -> list[int]:
        """Rejects whose row was read this time."""
        bad = {one.line for one in self.batch.rejected}
        lines = self.batch.line
        return [reject for line, reject in self.reject_ids.items() if line not in bad and line in set(lines.tolist())]


def read_again(connection: Connection, mapping: Mapping, has_rates: bool) -> list[Retried]:
    """Read the open rejects' cells as a mapping has them now. Rows without cells are passed over: they could not be
    split, and must be mended in the file. Raises NotFound when there is none to try."""
    waiting = open_rejects(connection)
    if not len(waiting):
        raise NotFound("No row is waiting: everything that was imported could be read.")
    retried = []
    for source in mapping.sources:
        for name, ours in waiting[waiting["cells"].notna()].groupby("source", sort=True):
            file, _, table = str(name).rpartition(" as ")
            pattern = PurePath(source.file).name if source.file else "*"
            if table == source.rows and fnmatch(file_name(file), pattern):
                found = _of_source(connection, ours, file, source, mapping, has_rates)
                if found is not None:
                    retried.append(found)
    return retried


def _of_source(connection: Connection, ours: pd.DataFrame, file: str, source: Source, mapping: Mapping,
               has_rates: bool) -> Retried | None:
    # Equal rows that were refused by several imports are one row of the file.
    ours = ours.drop_duplicates(["line", "cells"], keep="last")
    cells = pd.DataFrame([json.loads(one) for one in ours["cells"]], dtype=object)
    if not set(columns_needed(source)) <= set(cells.columns):
        return None
    if not file_name(file).casefold().endswith(_TEXT_FILES):
        cells = cells.map(_typed)
    numbers = np.arange(1, len(ours) + 1)
    # A handful of rows is not a snapshot of everyone.
    part = source.model_copy(update={"snapshot": "part"})
    try:
        batch = contract_rows(RawTable(file, cells, numbers), part, mapping, has_rates=has_rates)
    except BadInput:
        return None
    batch = _in_their_place(connection, batch)
    return Retried(batch, dict(zip(numbers.tolist(), ours["reject_id"].astype(int).tolist(), strict=True)))


def _typed(cell: Any) -> Any:
    """A cell of a file that types its cells: its numbers have a decimal point, whatever mark the mapping names."""
    return float(cell) if isinstance(cell, str) and re.fullmatch(r"-?\d+\.\d+(?:e[+-]?\d+)?", cell) else cell


def _in_their_place(connection: Connection, batch: SourceRows) -> SourceRows:
    """Give changes the rank among those of their subject and time that they had in their file: the ranks that the rows
    which could be read have left free."""
    if batch.source.rows != "changes" or "sequence" in batch.source.columns or not len(batch.frame):
        return batch
    table, frame = contract["changes"], batch.frame
    ids = frame["subject_id"].drop_duplicates().tolist()
    keys = ["subject_id", "field", "changed_at"]
    stored = pd.DataFrame(connection.execute(
        select(*(table.c[name] for name in (*keys, "sequence"))).where(
            table.c.subject == batch.source.subject, table.c.subject_id.in_(ids), table.c.source == batch.file)).all(),
        columns=[*keys, "sequence"])
    taken = {key: set(rows) for key, rows in stored.groupby(keys)["sequence"]}
    sequence = []
    for key in zip(*(frame[name] for name in keys), strict=True):
        used = taken.setdefault(key, set())
        free = next(one for one in range(len(used) + 1) if one not in used)
        used.add(free)
        sequence.append(free)
    frame["sequence"] = sequence
    return batch
