"""Snapshots as changes: what the fields of entity rows amount to, by what the store knows of each.

What only has a last value is compared with the last value that the store knows, so that repeated imports of a snapshot
become changes. Who is missing from a later snapshot of a source that says `snapshot: full` was deleted, and is there
again when it re-appears.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from features.corrections import belongs_to
from features.deletions import DELETED, is_deleted
from features.errors import BadInput
from features.mapping import SUBJECTS, Mapping
from features.sources.rows import FieldValues, SourceRows
from features.sources.values import EMPTY
from features.store import contract

__all__ = ["field_changes", "repeated_ids"]


def field_changes(connection: Connection, batches: list[SourceRows], mapping: Mapping, recorded_at: int,
                  most_gone: float) -> pd.DataFrame:
    """The fields of entity rows, and who is gone from a full snapshot, as rows of changes.

    `batch` and `row` say where each came from, -1 for what no row says. Raises BadInput when a full snapshot lacks more
    than the share `most_gone` of those it should hold.
    """
    by_field: dict[tuple[str, str], list[tuple[int, str, FieldValues]]] = {}
    for i, batch in enumerate(batches):
        for values in batch.fields:
            by_field.setdefault((values.kind, values.name), []).append((i, batch.file, values))
    logged = {(batch.source.subject, name) for batch in batches if batch.source.rows == "changes" and len(batch.frame)
              for name in batch.source.fields}
    frames = [_deletions(connection, batches, mapping, recorded_at, most_gone)]
    content = [_contents(batch) for batch in batches]
    for (kind, name), parts in by_field.items():
        known = _known_changes(connection, kind, name, mapping)
        rows = pd.concat([part.rows.assign(batch=i, source=file, past=part.spec.past, content=content[i],
                                           told_until=_told_until(known, batches[i], recorded_at))
                          for i, file, part in parts], ignore_index=True)
        frames.append(_as_changes(_one_each(rows), known, (kind, name) in logged, recorded_at)
                      .assign(subject=kind, field=name))
    return pd.concat(frames, ignore_index=True).assign(recorded_at=recorded_at)


def _told_until(known: pd.DataFrame, batch: SourceRows, recorded_at: int) -> int:
    """When an earlier import of the source last told anything new of a field, EMPTY if none did."""
    earlier = known[known["recorded_at"] < recorded_at]
    told = earlier.groupby("source")["recorded_at"].max()
    return max((int(last) for file, last in told.items() if belongs_to(batch.source, str(file))), default=EMPTY)


def repeated_ids(batches: list[SourceRows]) -> dict[str, int]:
    """Rows of entities, by file, that repeat an id of the same import with other content; of each id one counts."""
    found: dict[str, int] = {}
    for table in SUBJECTS.values():
        ours = [batch for batch in batches if batch.source.rows == table]
        if not ours:
            continue
        rows = pd.concat([pd.DataFrame({"id": batch.frame[f"{table[:-1]}_id"], "created_at": batch.frame["created_at"],
                                        "content": _contents(batch), "file": batch.file, "columns": _fields_of(batch)})
                          for batch in ours])
        differing = rows.drop_duplicates(["id", "columns", "content", "created_at"])
        for file, count in differing.loc[differing.duplicated(["id", "columns"]), "file"].value_counts().items():
            found[str(file)] = found.get(str(file), 0) + int(count)
    return found


def _fields_of(batch: SourceRows) -> str:
    """Sources with other fields add to a row's content and do not contradict it."""
    return " ".join(sorted(values.name for values in batch.fields))


def _contents(batch: SourceRows) -> pd.Series:
    """Each entity row's fields as one text (n,), the same for equal rows whatever file and line they stand in."""
    text = pd.Series([""] * (len(batch.fields[0].rows) if batch.fields else len(batch.frame)), dtype="str")
    for values in sorted(batch.fields, key=lambda one: one.name):
        text = text + "\x1f" + values.rows["value"].fillna("").reset_index(drop=True)
    return text


def _one_each(rows: pd.DataFrame) -> pd.DataFrame:
    """Of an import's rows about one id the one that counts: the one that was entered last, else created last, else the
    last by its content; so neither the order of files nor of lines matters, and one row's fields stay together."""
    order = rows.sort_values(["known_at", "created_at", "content"], kind="stable")
    return order.drop_duplicates("subject_id", keep="last").sort_index()


def _deletions(connection: Connection, batches: list[SourceRows], mapping: Mapping, recorded_at: int,
               most_gone: float) -> pd.DataFrame:
    """Subjects that are gone from a full snapshot, and those that are there again, as changes of `deleted`.

    Gone is who came from files of such a source and stands in none of the import's rows of that table, those that could
    not be read included. Raises BadInput when more than the share `most_gone` of them would be gone at once.
    """
    frames = []
    for kind, table in SUBJECTS.items():
        ours = {i: batch for i, batch in enumerate(batches) if batch.source.rows == table}
        if not ours:
            continue
        known = _known_changes(connection, kind, DELETED, mapping).drop_duplicates("subject_id", keep="last")
        at = known.set_index("subject_id")["changed_at"]
        deleted = set(known.loc[is_deleted(known["value"]), "subject_id"])
        seen = pd.concat([pd.DataFrame({"subject_id": batch.frame[f"{kind}_id"], "batch": i, "row": batch.frame["row"],
                                        "source": batch.file}) for i, batch in ours.items()])
        back = seen[seen["subject_id"].isin(deleted)].drop_duplicates("subject_id").assign(value="false")
        gone = pd.DataFrame({"subject_id": _gone(connection, kind, ours, seen, deleted, most_gone), "value": "true",
                             "batch": -1, "row": -1, "source": _sources_of(ours)})
        found = pd.concat([back, gone], ignore_index=True)
        # Told by an import: known from then on and never before, and after what was known of it.
        last = found["subject_id"].map(at).fillna(EMPTY).astype("int64")
        changed_at = np.maximum(recorded_at, last.where(last == EMPTY, last + 1))
        frames.append(found.assign(changed_at=changed_at, known_at=changed_at, known_at_assumed=True, sequence=0,
                                   subject=kind, field=DELETED))
    columns = ["subject", "subject_id", "field", "value", "changed_at", "sequence", "known_at", "known_at_assumed",
               "source", "batch", "row"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({name: [] for name in columns})


def _sources_of(ours: dict[int, SourceRows]) -> str:
    return min(batch.file for batch in ours.values())


def _gone(connection: Connection, kind: str, ours: dict[int, SourceRows], seen: pd.DataFrame, deleted: set[str],
          most_gone: float) -> list[str]:
    full = [batch for batch in ours.values() if batch.source.snapshot == "full"]
    # A row that could not even be split into cells may be about anybody.
    if not full or any(one.cells is None for batch in ours.values() for one in batch.rejected):
        return []
    unread = {str(one.cells.get(batch.source.columns[f"{kind}_id"]) or "").strip()
              for batch in ours.values() for one in batch.rejected if one.cells}
    table = contract[SUBJECTS[kind]]
    stored = connection.execute(select(table.c[f"{kind}_id"], table.c.source).distinct()).all()
    here = {subject for subject, file in stored if any(belongs_to(batch.source, file) for batch in full)} - deleted
    gone = here - set(seen["subject_id"]) - unread
    if len(gone) > most_gone * len(here):
        files = ", ".join(sorted({batch.file for batch in full}))
        raise BadInput(
            f"{files} is mapped as a full snapshot of {SUBJECTS[kind]}, yet {len(gone):,} of the {len(here):,} that "
            f"are known are not in it, such as {', '.join(sorted(gone)[:3])}. That looks like a part of an export, so "
            "nothing was imported. Import all of it at once; or take 'snapshot: full' out of the mapping; or, if so "
            f"many were deleted, raise imports.most_deleted (now {most_gone:g}) in the home's dealcast.yaml.")
    return sorted(gone)


def _known_changes(connection: Connection, kind: str, name: str, mapping: Mapping) -> pd.DataFrame:
    """What the store knows of one field, each subject's changes from oldest to newest."""
    table = contract["changes"]
    columns = ["subject_id", "value", "changed_at", "sequence", "recorded_at", "source"]
    statement = select(*(table.c[one] for one in columns)).where(table.c.subject == kind, table.c.field == name)
    rows = connection.execute(statement).all()
    known = pd.DataFrame({one: pd.Series(values, dtype="str" if one in ("subject_id", "value", "source") else "int64")
                          for one, values in zip(columns, zip(*rows, strict=True) if rows else [()] * 6, strict=True)})
    order = {stage.name: i for i, stage in enumerate(mapping.stages)} if name == "stage" else {}
    known["rank"] = known["value"].map(order).astype("float64").fillna(len(order))
    return known.sort_values(["subject_id", "changed_at", "sequence", "rank", "value"], ignore_index=True)


def _as_changes(rows: pd.DataFrame, known: pd.DataFrame, has_log: bool, recorded_at: int) -> pd.DataFrame:
    """Changes that entity rows, one for each subject, amount to: subject_id, value, changed_at, sequence, known_at,
    whether that is assumed, source, batch and row.

    A value that does not change after creation, or whose log has no entry for the subject, was so from creation on,
    unless the row says when it ended, or an earlier import had seen the field empty. Any other value that differs from
    the last known one became so when it ended, if that date is known, else now.
    """
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
    # The subject was there, and so was the field: of others the source told something since.
    seen_empty = (rows["there_since"] != EMPTY) & (rows["told_until"] >= rows["there_since"]) & ~same_there
    from_start = rows["value"].notna() & ~ended & ~seen_empty & (
        ((rows["past"] == "at_creation") & ~other_there) | ((rows["past"] == "logged") & has_log & unknown))
    # An at_creation value that stands there already has nothing to say about today: a log may have moved on.
    differs = (rows["value"].fillna("") != last_value.fillna("")) & ~from_start
    claimed = rows["closed_at"].where(ended, recorded_at)
    # Not before the creation (a mere date is 00:00 of its day), and after what was known: it differs from that.
    seen_at = np.maximum(np.maximum(claimed, rows["created_at"]), last_at.where(~unknown, EMPTY) + 1)
    changed_at = rows["created_at"].where(from_start, seen_at)
    stated = rows["known_at"].where(from_start | ended, EMPTY)
    # An end before what an earlier import had told of the subject was not known until now, whatever its date.
    last_told = rows["subject_id"].map(last["recorded_at"]).fillna(EMPTY).astype("int64")
    retold = ended & ~unknown & (claimed <= last_at) & (last_told < recorded_at)
    stated = stated.where(~retold | (stated > last_at), EMPTY)
    known_at = stated.where(stated != EMPTY, changed_at.where(~retold, recorded_at))
    found = rows.assign(changed_at=changed_at, known_at=known_at, known_at_assumed=stated == EMPTY)
    columns = ["subject_id", "value", "changed_at", "sequence", "known_at", "known_at_assumed", "source", "batch",
               "row"]
    found = found.assign(sequence=0).loc[from_start | differs, columns]
    dated_anew = ended & ~differs & ~unknown & (rows["past"] != "logged") & (not has_log)
    if not dated_anew.any():
        return found
    return pd.concat([found, _dated_anew(rows[dated_anew], known, recorded_at)[columns]], ignore_index=True)


def _dated_anew(rows: pd.DataFrame, known: pd.DataFrame, recorded_at: int) -> pd.DataFrame:
    """New rows for ends that stood there already, and now stand at another date.

    An end that a snapshot had shown without a date is put where it belongs, as if the date had come at once. Any other
    is a correction: it is known from now on, and before it what was known before stays. Where the new date is later,
    the value before the end is said to have stood at the old one, at the same moment and after it.
    """
    ours = known[known["subject_id"].isin(rows["subject_id"])].copy()
    text = ours["value"].fillna("")
    ours["other"] = text != text.groupby(ours["subject_id"]).transform("last")
    # The run of equal values with which each subject's log ends, and what stood before it.
    in_run = ~ours["other"][::-1].groupby(ours["subject_id"][::-1]).cummax()[::-1]
    run, before = ours[in_run], ours[~in_run].drop_duplicates("subject_id", keep="last").set_index("subject_id")
    first = run.drop_duplicates("subject_id").set_index("subject_id")
    subject = rows["subject_id"]
    earlier_at = subject.map(before["changed_at"]).fillna(EMPTY).astype("int64")
    claimed = np.maximum(np.maximum(rows["closed_at"], rows["created_at"]), earlier_at.where(earlier_at == EMPTY,
                                                                                            earlier_at + 1))
    stands_at = subject.map(first["changed_at"]).astype("int64")
    undated = stands_at == subject.map(first["recorded_at"]).astype("int64")
    stated = rows["known_at"].where(rows["known_at"] != EMPTY, claimed)
    known_at = stated.where(undated, np.maximum(recorded_at, stated))
    found = rows.assign(changed_at=claimed, sequence=0, known_at=known_at,
                        known_at_assumed=(rows["known_at"] == EMPTY) | ~undated)
    # A sight without a date came after the end: a date that lies after it is no better.
    better = (claimed != stands_at) & ~(undated & (claimed > stands_at))
    found, claimed = found[better], claimed[better]
    run = run.merge(found[["subject_id", "changed_at", "known_at", "source", "batch", "row"]], on="subject_id",
                    suffixes=("", "_now"))
    undone = run[run["changed_at"] < run["changed_at_now"]]
    undone = undone.assign(value=undone["subject_id"].map(before["value"]), sequence=undone["sequence"] + 1,
                           known_at_assumed=True)
    merged: pd.DataFrame = pd.concat([found, undone], ignore_index=True)
    return merged
