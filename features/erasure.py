"""Erasure: a person's texts and identifying fields are removed from a home, its numbers and links stay.

Values are emptied where they stand; a row keeps its identity, so that a known row stays known at its next import. What
people said of a lead in place of its score is removed altogether.
What was erased is remembered by the subject alone, and every later import empties the same fields again before it is
stored for good. Copies outside the home cannot be reached: the result names them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, and_, func, select, update

from features.errors import BadInput, NotFound, nearest
from features.home import DATABASE_FILE, Home
from features.mapping import SUBJECTS, FieldSpec, Mapping
from features.sources.rows import FieldValues, SourceRows
from features.store import contract, erasures, imports, overrides, rejects

__all__ = ["Erased", "Subject", "check_known", "erase_again", "forget", "identifying_fields", "parse_subject",
           "subjects_of_email", "without_erased"]

Subject = tuple[str, str]  # kind and id

# What a field that identifies a person is called, where the mapping does not mark it as personal.
_NAMES = re.compile(r"(^|_)(name|e_?mail|phone|mobile|fax|address|street|birth(day|date)?|linkedin|twitter)($|_)")
_ERASED = "(erased)"
_TELLING = 4  # shorter texts occur by chance
_IDS_A_QUERY = 500


@dataclass(frozen=True)
class Erased:
    """What an erasure did: subjects asked for; values of fields, texts of activities, rejects and import reports that
    were emptied; what was said of their leads in place of a score, removed; files of the home that hold one of the
    texts and must be removed by hand; copies out of reach."""

    subjects: list[str]
    values: int
    texts: int
    rejects: int
    reports: int
    overrides: int
    files_left: list[str]
    out_of_reach: list[str]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def parse_subject(text: str) -> Subject:
    """"contact:C-17" as a kind and an id. Raises BadInput."""
    kind, mark, subject_id = text.partition(":")
    if not mark or not subject_id or kind not in SUBJECTS:
        raise BadInput(f"'{text}' names no subject: write {', '.join(f'{one}:ID' for one in SUBJECTS)}."
                       + nearest(kind, SUBJECTS))
    return kind, subject_id


def identifying_fields(mapping: Mapping, kind: str) -> set[str]:
    """Fields that are emptied: texts, those marked `personal`, and those called name, e-mail, phone and the like."""
    return {name for subject, name, spec in mapping.all_fields() if subject == kind and _identifies(name, spec)}


def _identifies(name: str, spec: FieldSpec) -> bool:
    return spec.type == "text" or spec.personal or bool(_NAMES.search(name.casefold()))


def subjects_of_email(home: Home, email: str) -> list[Subject]:
    """Everyone of whom any field holds this address. Raises NotFound."""
    changes = contract["changes"]
    with home.store.read() as connection:
        rows = connection.execute(select(changes.c.subject, changes.c.subject_id).distinct().where(
            func.lower(changes.c.value) == email.strip().lower())).all()
    if not rows:
        raise NotFound(f"No lead, deal, account or contact has the address {email}.")
    return sorted((str(kind), str(one)) for kind, one in rows)


def forget(home: Home, subjects: Iterable[Subject], erased_at: int) -> Erased:
    """Empty the texts and identifying fields of subjects, for good. Raises NotFound for a subject that is not known.

    Forgetting again does no harm and finds nothing.
    """
    wanted = sorted(set(subjects))
    mapping = home.mapping
    with home.store.write() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
        check_known(connection, wanted)
        texts = _texts_of(connection, mapping, wanted)
        known = {tuple(row) for row in connection.execute(select(erasures.c.subject, erasures.c.subject_id)).all()}
        new = [{"subject": kind, "subject_id": one, "erased_at": erased_at} for kind, one in wanted
               if (kind, one) not in known]
        if new:
            connection.execute(erasures.insert(), new)
        values, activity_texts = _empty(connection, mapping, wanted)
        said = _remove_overrides(connection, wanted, texts)
        refused = _empty_rejects(connection, wanted, texts)
        reports = _empty_reports(connection, texts, refused)
        paths = sorted({str(path) for path in connection.execute(select(imports.c.path)).scalars()} - {"rejects"})
    _remove_traces(home)
    return Erased([f"{kind}:{one}" for kind, one in wanted], values, activity_texts, len(refused), reports, said,
                  _files_with(home, texts), _out_of_reach(home, paths))


def check_known(connection: Connection, subjects: list[Subject]) -> None:
    """Raises NotFound for a subject of which nothing is known."""
    for kind, one in subjects:
        table, changes = contract[SUBJECTS[kind]], contract["changes"]
        found = connection.execute(select(func.count()).where(table.c[f"{kind}_id"] == one)).scalar() \
            or connection.execute(select(func.count()).where(changes.c.subject == kind,
                                                             changes.c.subject_id == one)).scalar()
        if not found:
            raise NotFound(f"There is no {kind} '{one}', so nothing was erased. Look its id up in the CRM, or use "
                           "--email.")


def _texts_of(connection: Connection, mapping: Mapping, subjects: list[Subject]) -> set[str]:
    """The texts that are to go, as far as they are telling: to find them where they were copied to."""
    changes, found = contract["changes"], set()
    for kind, one in subjects:
        fields = sorted(identifying_fields(mapping, kind))
        found |= set(connection.execute(select(changes.c.value).where(
            changes.c.subject == kind, changes.c.subject_id == one, changes.c.field.in_(fields))).scalars())
    return {text for text in found if isinstance(text, str) and len(text) >= _TELLING}


def _empty(connection: Connection, mapping: Mapping, subjects: list[Subject]) -> tuple[int, int]:
    """Empty fields and activities' texts of subjects; returns how many of each held something."""
    changes, activities = contract["changes"], contract["activities"]
    values = texts = 0
    for kind in sorted({kind for kind, _ in subjects}):
        ids = [one for its, one in subjects if its == kind]
        fields = sorted(identifying_fields(mapping, kind))
        for start in range(0, len(ids), _IDS_A_QUERY):
            some = ids[start:start + _IDS_A_QUERY]
            values += connection.execute(update(changes).where(
                changes.c.subject == kind, changes.c.subject_id.in_(some), changes.c.field.in_(fields),
                changes.c.value.is_not(None)).values(value=None)).rowcount
            about = and_(activities.c.subject == kind, activities.c.subject_id.in_(some))
            texts += connection.execute(update(activities).where(about, activities.c.text.is_not(None))
                                        .values(text=None)).rowcount
    texts += _empty_shared(connection, [one for kind, one in subjects if kind == "contact"])
    return values, texts


def _remove_overrides(connection: Connection, subjects: list[Subject], texts: set[str]) -> int:
    """Remove what people said of the leads that are forgotten, and of those whose contact is; returns how much.

    Others' notes that hold one of the texts are emptied."""
    leads, count = contract["leads"], 0
    for text in sorted(texts):
        connection.execute(update(overrides).where(overrides.c.note.contains(text, autoescape=True))
                           .values(note=_ERASED))
    for kind, one in subjects:
        if kind in ("lead", "contact"):
            theirs = select(leads.c.lead_id).where(leads.c[f"{kind}_id"] == one)
            count += connection.execute(overrides.delete().where(overrides.c.lead_id.in_(theirs))).rowcount
    return count


def _empty_shared(connection: Connection, contacts: list[str]) -> int:
    """Texts of activities about something else in which one of the contacts took part."""
    activities, count = contract["activities"], 0
    for one in contacts:
        maybe = connection.execute(select(activities.c.identity, activities.c.contact_ids).where(
            activities.c.text.is_not(None), activities.c.contact_ids.contains(one, autoescape=True))).all()
        theirs = [identity for identity, ids in maybe if one in re.split(r"[\s,;|]+", ids)]
        for start in range(0, len(theirs), _IDS_A_QUERY):
            count += connection.execute(update(activities).where(
                activities.c.identity.in_(theirs[start:start + _IDS_A_QUERY])).values(text=None)).rowcount
    return count


def _empty_rejects(connection: Connection, subjects: list[Subject], texts: set[str]) -> set[tuple[str, int]]:
    """Empty rejects that are about one of the subjects or hold one of the texts; returns their files and lines."""
    ids = {one for _, one in subjects}
    rows = connection.execute(select(rejects.c.reject_id, rejects.c.file, rejects.c.line, rejects.c.value,
                                     rejects.c.reason, rejects.c.cells)).all()
    found, lines = [], set()
    for reject_id, file, line, value, reason, cells in rows:
        held = {str(cell).strip() for cell in json.loads(cells).values() if cell} if cells else set()
        held |= {value or "", reason}
        if (held & ids or any(text in one for text in texts for one in held)) and (cells or value):
            found.append(reject_id)
            lines.add((str(file), int(line)))
    for start in range(0, len(found), _IDS_A_QUERY):
        connection.execute(update(rejects).where(rejects.c.reject_id.in_(found[start:start + _IDS_A_QUERY]))
                           .values(value=None, cells=None, reason=_ERASED))
    return lines


def _empty_reports(connection: Connection, texts: set[str], lines: set[tuple[str, int]]) -> int:
    """Take the values of erased rows out of the imports' reports."""
    count = 0
    for import_id, text in connection.execute(select(imports.c.import_id, imports.c.report)).all():
        report = json.loads(text)
        changed = False
        for one in report.get("rejects", []):
            said = f"{one.get('value') or ''} {one.get('reason') or ''}"
            if one.get("value") != _ERASED and ((one["file"], one["line"]) in lines or any(t in said for t in texts)):
                one["value"], one["reason"], changed = _ERASED, _ERASED, True
        if changed:
            connection.execute(update(imports).where(imports.c.import_id == import_id)
                               .values(report=json.dumps(report)))
            count += 1
    return count


def _remove_traces(home: Home) -> None:
    """Let the database write its files anew, without what was freed."""
    engine = home.store.engine
    with closing(engine.raw_connection()) as connection:
        if engine.dialect.name == "sqlite":
            cursor = connection.cursor()
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            cursor.close()
            return
        driver: Any = connection.driver_connection
        driver.autocommit = True
        for table in ("changes", "activities", "rejects", "imports", "overrides"):
            driver.execute(f"VACUUM FULL {table}")


def _files_with(home: Home, texts: set[str]) -> list[str]:
    """Files of the home, models and reports among them, that hold one of the texts.

    Not the database and its copies: those were emptied, and what they still hold is others' (two people of one name).
    """
    wanted = {form for text in texts for form in (text.encode(), json.dumps(text)[1:-1].encode())}
    found = []
    for path in sorted(home.path.rglob("*")) if wanted else ():
        if path.is_file() and not path.relative_to(home.path).parts[0].startswith(DATABASE_FILE):
            content = path.read_bytes()
            if any(one in content for one in wanted):
                found.append(path.relative_to(home.path).as_posix())
    return found


def _out_of_reach(home: Home, paths: list[str]) -> list[str]:
    """Copies that no command of ours can empty."""
    found = [f"the exports that were imported: {', '.join(paths)}"] if paths else []
    found.append(f"backups and copies of {home.path.name}, and files that commands wrote elsewhere (--out)")
    if home.store.engine.dialect.name == "postgresql":
        found.append("the database server's own backups, archived logs and replicas")
    near = sorted(one.name for one in Path(home.path).resolve().parent.glob(f"{home.path.resolve().name}*")
                  if one.name != home.path.resolve().name)
    return [*found, *(["beside the home, maybe copies of it: " + ", ".join(near[:5])] if near else [])]


# ---- imports after an erasure ----


def without_erased(connection: Connection, batches: list[SourceRows], mapping: Mapping) -> list[SourceRows]:
    """An import's rows with the identifying fields of erased subjects empty, as if the file did not have them."""
    known: dict[str, set[str]] = {}
    for kind, one in connection.execute(select(erasures.c.subject, erasures.c.subject_id)).all():
        known.setdefault(kind, set()).add(one)
    for batch in batches if known else ():
        batch.fields[:] = [_without(values, known, mapping) for values in batch.fields]
    return batches


def _without(values: FieldValues, known: dict[str, set[str]], mapping: Mapping) -> FieldValues:
    if values.kind not in known or values.name not in identifying_fields(mapping, values.kind):
        return values
    theirs = values.rows["subject_id"].isin(known[values.kind])
    rows = values.rows.assign(value=values.rows["value"].where(~theirs, np.nan).astype("str"))
    return FieldValues(values.kind, values.name, values.spec, rows)


def erase_again(connection: Connection, mapping: Mapping) -> None:
    """Empty what an import has brought back of erased subjects: in logs, activities and rejects, in its transaction."""
    subjects = [(str(kind), str(one)) for kind, one in
                connection.execute(select(erasures.c.subject, erasures.c.subject_id)).all()]
    if not subjects:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    _empty(connection, mapping, subjects)
    _empty_reports(connection, set(), _empty_rejects(connection, subjects, set()))
