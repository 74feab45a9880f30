"""Adjustments: what a manager calls for a person or a team in place of their own call, with a note.

The log is only added to: setting again adds an entry, and so does removing. As of a date the newest entry by then of
each person and period speaks. No model ever sees one: what the model says goes on beside it.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from features.calendar import fiscal_quarter, iso, parse_period
from features.errors import BadInput, NotFound, nearest
from features.home import Home
from features.money import to_minor
from features.schema import adjustments
from features.store import contract

__all__ = ["ADJUSTMENT_COLUMNS", "adjustments_as_of", "adjustments_log", "remove_adjustment", "set_adjustment",
           "standing"]

ADJUSTMENT_COLUMNS = ["owner_id", "period", "amount", "note", "set_at", "set_by"]


def set_adjustment(home: Home, owner_id: str, period: str, *, amount: str, note: str, set_at: int,
                   set_by: str | None = None) -> str:
    """Call an amount (major units, as text) for a person, or a manager's team, and a fiscal quarter from `set_at` on.
    Gives the quarter's name.

    Raises BadInput for a period that is none, an amount that cannot be read or lies below 0, and an empty note, and
    NotFound for a person who is not known.
    """
    try:
        minor = to_minor(amount, home.mapping.currency)
    except ValueError as error:
        raise BadInput(f"{error}. Write it in {home.mapping.currency} with a decimal point, such as 120000.") from error
    if minor < 0:
        raise BadInput(f"A call cannot lie below 0, got {amount}.")
    if not note.strip():
        raise BadInput("The note is empty. Say in a few words why, for whoever reads the call later.")
    name = _named(home, period)
    with home.store.write() as connection:
        _check_owner(connection, owner_id)
        connection.execute(adjustments.insert().values(
            owner_id=owner_id, period=name, set_at=set_at, set_by=set_by, amount=float(minor), note=note.strip()))
    return name


def remove_adjustment(home: Home, owner_id: str, period: str, removed_at: int, removed_by: str | None = None) -> str:
    """Take a person's adjustment back at `removed_at`. Gives the quarter's name. Raises NotFound when there is none
    then."""
    name = _named(home, period)
    with home.store.write() as connection:
        _check_owner(connection, owner_id)
        stands = standing(_read(connection), removed_at)
        if not ((stands["owner_id"] == owner_id) & (stands["period"] == name)).any():
            raise NotFound(f"{owner_id} has no adjustment for {name} at {iso(removed_at, home.mapping.zone)}, so there "
                           "is none to remove. `dealcast adjust list` has those that stand.")
        connection.execute(adjustments.insert().values(owner_id=owner_id, period=name, set_at=removed_at,
                                                       set_by=removed_by))
    return name


def adjustments_as_of(home: Home, as_of: int) -> pd.DataFrame:
    """The adjustments that stand at a moment, by period and owner_id: ADJUSTMENT_COLUMNS, amount in minor units."""
    with home.store.read() as connection:
        return standing(_read(connection), as_of)


def adjustments_log(home: Home) -> pd.DataFrame:
    """Every entry so far, oldest first: ADJUSTMENT_COLUMNS; one that took another back has no amount (NaN)."""
    with home.store.read() as connection:
        return _read(connection)


def _read(connection: Connection) -> pd.DataFrame:
    columns = [adjustments.c[name] for name in ADJUSTMENT_COLUMNS]
    query = select(*columns).order_by(adjustments.c.set_at, adjustments.c.adjustment_id)
    rows: list[tuple[Any, ...]] = [tuple(row) for row in connection.execute(query).all()]
    found = pd.DataFrame(rows, columns=ADJUSTMENT_COLUMNS, dtype=object)
    return found.astype({"amount": "float64", "set_at": "int64"})


def standing(log: pd.DataFrame, as_of: int) -> pd.DataFrame:
    """Those of a log that stand at a moment, as `adjustments_as_of` gives them."""
    newest = log[log["set_at"] <= as_of].drop_duplicates(["owner_id", "period"], keep="last")
    return newest[newest["amount"].notna()].sort_values(["period", "owner_id"]).reset_index(drop=True)


def _named(home: Home, period: str) -> str:
    """A fiscal quarter by the name that it has here."""
    return fiscal_quarter(parse_period(period, home.mapping)[1], home.mapping)[0]


def _check_owner(connection: Connection, owner_id: str) -> None:
    """Somebody is known by a list of owners, or by being named as the owner of a deal."""
    owners, changes = contract["owners"], contract["changes"]
    in_list = select(owners.c.owner_id).union(select(owners.c.manager_id))
    of_deals = select(changes.c.value).where(changes.c.field == "owner").distinct()
    known = {one for query in (in_list, of_deals) for one in connection.execute(query).scalars() if one}
    if owner_id in known:
        return
    named = select(owners.c.owner_id).where(owners.c.name == owner_id).distinct()
    ids = sorted(connection.execute(named).scalars())
    hint = f" That is the name of {', '.join(ids)}: give the id." if ids else nearest(owner_id, known)
    raise NotFound(f"There is no owner '{owner_id}'.{hint} Deals and the file of owners name them; import the file "
                   "that does.")
