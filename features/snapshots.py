"""Snapshots as changes: what the fields of entity rows amount to, by what the store knows of each.

What only has a last value is compared with the last value that the store knows, so that repeated imports of a snapshot
become changes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from features.mapping import Mapping
from features.sources.rows import FieldValues, SourceRows
from features.sources.values import EMPTY
from features.store import contract

__all__ = ["field_changes"]

def field_changes(connection: Connection, batches: list[SourceRows], mapping: Mapping,
                  recorded_at: int) -> pd.DataFrame:
    """The fields of entity rows as rows of changes; `batch` and `row` say where each came from."""
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
    if not frames:
        return pd.DataFrame()
    return pd.concat(frames, ignore_index=True).assign(recorded_at=recorded_at, sequence=0)


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
