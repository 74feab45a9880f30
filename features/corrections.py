"""Corrections: rows of a file that say otherwise than what the store holds of the same thing.

Where a file does not say when a row was entered, a correction was known when it was seen: so a later import never
changes what was known before it. A row of another source, such as a second system's list of the same deals, is no
correction but a claim of its own, so that the order of sources does not matter.
"""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, func, select

from features.mapping import SUBJECTS, Source
from features.rejects import file_name
from features.sources.rows import SourceRows
from features.sources.values import EMPTY
from features.store import contract

__all__ = ["belongs_to", "corrections_when_seen", "note_since"]

# What a row is about, by table; of rows about the same one counts. Owners have rules of their own, a date since when
# somebody takes part in a deal may be given later, and the entries of a log stand each for itself.
_ABOUT = {**{table: [f"{kind}_id"] for kind, table in SUBJECTS.items()},
          "activities": ["subject", "subject_id", "activity_id"], "rates": ["currency", "valid_from"]}


def belongs_to(source: Source, file: str) -> bool:
    """Whether a stored row's file is one of those that a source reads."""
    return fnmatch(file_name(file), PurePath(source.file).name if source.file else "*")


def corrections_when_seen(connection: Connection, table: str, frame: pd.DataFrame, batches: list[SourceRows],
                          recorded_at: int) -> pd.DataFrame:
    """Rows of a contract table for the store; `batch` says which of the batches each is of. Those about something that
    their source told before are known since now: a row that is no news is found by its identity and stays as it was."""
    if table not in _ABOUT:
        return frame
    since = [pd.Series(_since(connection, table, rows, batches[int(str(i))].source), rows.index)
             for i, rows in frame.groupby("batch")]
    told = (pd.concat(since).reindex(frame.index) != EMPTY) if since else pd.Series(False, frame.index)
    late = told & frame["known_at_assumed"]
    return frame.assign(known_at=frame["known_at"].where(~late, np.maximum(frame["known_at"], recorded_at)))


def note_since(connection: Connection, batches: list[SourceRows]) -> None:
    """Note with the fields of subjects (`there_since`) since when their source's rows about the subject are in the
    store, EMPTY where none is. A subject that is there was created when the store says, whatever its row says now."""
    for batch in batches:
        if not batch.fields:
            continue
        table = batch.source.rows
        since = _since(connection, table, batch.frame, batch.source)
        created = _created(connection, table) if (since != EMPTY).any() else {}
        for values in batch.fields:
            values.rows["there_since"] = since
            stored = values.rows["subject_id"].map(created).where(since != EMPTY)
            values.rows["created_at"] = stored.fillna(values.rows["created_at"]).astype("int64")


def _since(connection: Connection, table: str, frame: pd.DataFrame, source: Source) -> npt.NDArray[np.int64]:
    """When the first row about the same was recorded from this source, for each row of a frame (n,); EMPTY for none."""
    columns = [contract[table].c[one] for one in (*_ABOUT[table], "source")]
    rows = connection.execute(select(*columns, func.min(contract[table].c.recorded_at)).group_by(*columns)).all()
    known = pd.DataFrame(rows, columns=[*_ABOUT[table], "source", "since"])
    ours = {file: belongs_to(source, file) for file in known["source"].unique()}
    known = known[known["source"].map(ours).astype(bool)]
    since = known["since"].astype("int64").groupby(_keys(known, table)).min()
    return np.asarray(since.reindex(_keys(frame, table)).fillna(EMPTY), dtype=np.int64)


def _keys(frame: pd.DataFrame, table: str) -> pd.Index:
    about = [frame[one].astype(object).where(frame[one].notna(), "") for one in _ABOUT[table]]
    return pd.Index(about[0]) if len(about) == 1 else pd.MultiIndex.from_arrays(about)


def _created(connection: Connection, table: str) -> dict[str, int]:
    """When each subject was created, by the claim that was known first, as `History` takes it."""
    columns = [contract[table].c[one] for one in (*_ABOUT[table], "created_at", "known_at")]
    rows = pd.DataFrame(connection.execute(select(*columns)).all(), columns=["id", "created_at", "known_at"])
    rows = rows.assign(visible_at=np.maximum(rows["created_at"], rows["known_at"]))
    rows = rows.sort_values(["visible_at", "created_at"]).drop_duplicates("id")
    return dict(zip(rows["id"], rows["created_at"], strict=True))
