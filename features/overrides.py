"""Overrides: what a person says of a lead in place of its model, with a note and an end.

The log is only added to: setting again adds an entry, and so does removing. As of a date a lead's newest entry by then
speaks, unless it removed the override or its end had come. No model ever sees one, so a model's own score goes on
beside it. `features.erasure` takes out those of a forgotten person.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, select

from features.calendar import iso
from features.errors import BadInput, NotFound
from features.home import Home
from features.store import contract, overrides

__all__ = ["GRADES", "OVERRIDE_COLUMNS", "overrides_as_of", "overrides_log", "remove_override", "set_override"]

GRADES = ("A", "B", "C", "D")
OVERRIDE_COLUMNS = ["lead_id", "grade", "probability", "note", "until", "set_at", "set_by"]


def set_override(home: Home, lead_id: str, *, grade: str | None = None, probability: float | None = None, note: str,
                 until: int, set_at: int, set_by: str | None = None) -> None:
    """Say a grade or a probability of a lead from `set_at` to `until` (microseconds); replaces what was said before.

    Raises BadInput for neither or both, a probability outside 0 to 1, an empty note or an end that is no later, and
    NotFound for a lead that is not known.
    """
    if (grade is None) == (probability is None):
        raise BadInput("Say a grade or a probability: one of the two.")
    if grade is not None and grade not in GRADES:
        raise BadInput(f"'{grade}' is no grade. There are {', '.join(GRADES)}.")
    if probability is not None and not 0 <= probability <= 1:
        raise BadInput(f"A probability lies between 0 and 1, got {probability:g}. Write 35% as 0.35.")
    if not note.strip():
        raise BadInput("The note is empty. Say in a few words why, for whoever reads the score later.")
    if until <= set_at:
        zone = home.mapping.zone
        raise BadInput(f"The override would be over before it began: it would end at {iso(until, zone)}, and begins at "
                       f"{iso(set_at, zone)}. Give a later end.")
    with home.store.write() as connection:
        _check_lead(connection, lead_id)
        connection.execute(overrides.insert().values(
            lead_id=lead_id, set_at=set_at, set_by=set_by, grade=grade, probability=probability, note=note.strip(),
            until=until))


def remove_override(home: Home, lead_id: str, removed_at: int, removed_by: str | None = None) -> None:
    """End a lead's override at `removed_at`. Raises NotFound when there is none then."""
    with home.store.write() as connection:
        _check_lead(connection, lead_id)
        if not len(_standing(_read(connection, [lead_id]), removed_at)):
            raise NotFound(f"Lead {lead_id} has no override at {iso(removed_at, home.mapping.zone)}, so there is none "
                           "to remove. `dealcast override list` has those that stand.")
        connection.execute(overrides.insert().values(lead_id=lead_id, set_at=removed_at, set_by=removed_by))


def overrides_as_of(home: Home, as_of: int, ids: Sequence[str] | None = None) -> pd.DataFrame:
    """The overrides that stand at a moment, of all leads or of those given, by lead_id: OVERRIDE_COLUMNS.

    grade is None where a probability was said, which is NaN where a grade was. Leads without one have no row.
    """
    with home.store.read() as connection:
        return _standing(_read(connection, ids), as_of)


def overrides_log(home: Home, ids: Sequence[str] | None = None) -> pd.DataFrame:
    """Every entry so far, oldest first: OVERRIDE_COLUMNS; one that removed an override has neither grade nor
    probability."""
    with home.store.read() as connection:
        return _read(connection, ids)


def _read(connection: Connection, ids: Sequence[str] | None) -> pd.DataFrame:
    columns = [overrides.c[name] for name in OVERRIDE_COLUMNS]
    query = select(*columns).order_by(overrides.c.set_at, overrides.c.override_id)
    if ids is not None and len(ids) == 1:
        query = query.where(overrides.c.lead_id == ids[0])
    rows: list[tuple[Any, ...]] = [tuple(row) for row in connection.execute(query).all()]
    found = pd.DataFrame(rows, columns=OVERRIDE_COLUMNS, dtype=object)
    found["probability"] = found["probability"].astype("float64")
    return found if ids is None else found[found["lead_id"].isin(list(ids))].reset_index(drop=True)


def _standing(log: pd.DataFrame, as_of: int) -> pd.DataFrame:
    newest = log[log["set_at"] <= as_of].drop_duplicates("lead_id", keep="last")
    said = newest[newest["until"].notna()]
    said = said[said["until"] > as_of]
    return said.astype({"until": "int64", "set_at": "int64"}).sort_values("lead_id").reset_index(drop=True)


def _check_lead(connection: Connection, lead_id: str) -> None:
    leads = contract["leads"]
    if not connection.execute(select(func.count()).where(leads.c.lead_id == lead_id)).scalar():
        raise NotFound(f"There is no lead '{lead_id}'. Check the id, or import the file that holds it.")
