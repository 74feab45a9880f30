"""The lines by which a forecast is told: to which owner, team, region, product, kind or currency a deal belongs.

An open deal belongs to whom it belonged as of the date, a won one to whom it belonged at the win; a team or region is
its owner's of the same moment. So a re-organisation rewrites no past.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, category
from features.errors import BadInput, nearest
from features.events import Int
from features.history import History
from features.people import managers, owner_facts
from features.record import linked
from training.amounts import EVER

__all__ = ["BY", "NO_OWNER", "has", "labels", "name_of", "nothing", "numbered", "owner_name", "owner_of",
           "previous_owners", "refuse_unknown", "roll_up", "won_labels", "won_owners"]

Texts = npt.NDArray[np.object_]
BY = ("owner", "manager", "team", "region", "product", "kind", "currency")
_OF_OWNERS = {"manager": "manager_id", "team": "team", "region": "region"}
_CURE = {"kind": "Map deals' column `kind`", "product": "Map a field `product` of deals",
         "currency": "Map a field `currency` of deals"}


def nothing(by: str) -> str:
    """What the line is called of deals that have none."""
    return f"(no {by})"


NO_OWNER = nothing("owner")


def has(history: History, by: str) -> bool:
    """Whether the company has data for a grouping of BY."""
    if by in _OF_OWNERS:
        return not history.tables["owners"][_OF_OWNERS[by]].isna().all()
    if by == "kind":
        return "kind" in history.deals.links and not history.deals.links["kind"].isna().all()
    return by == "owner" or bool(len(history.changes("deal", by)))


def refuse_unknown(history: History, by: str) -> None:
    """Raises BadInput for a grouping that there is not, or for which the company has no data."""
    if by not in BY:
        raise BadInput(f"Forecasts cannot be grouped by '{by}'. There are {', '.join(BY)}.{nearest(by, BY)}")
    if has(history, by):
        return
    if by in _OF_OWNERS:
        raise BadInput(f"No owner's {by} is known as of that date. Import a list of owners with the column "
                       f"{_OF_OWNERS[by]} (`rows: owners`), or group by owner.")
    raise BadInput(f"No deal's {by} is known as of that date. {_CURE[by]} and import again, or group by owner.")


def labels(history: History, by: str, subject: Int, at: Int) -> Texts:
    """The line of each deal as known at each time, (n,); `nothing(by)` where none is known."""
    if by in _OF_OWNERS:
        return _filled(owner_facts(history, owner_of(history, subject, at), at)[_OF_OWNERS[by]], by)
    pairs = AsOf(history, "deal", subject, at)
    return _filled(linked(pairs, by) if by == "kind" else category(history.changes("deal", by), pairs), by)


def won_labels(history: History, by: str, subject: Int, won_at: Int) -> Texts:
    """The line of each win: at the win, or, where only a later snapshot tells it, as known at the history's end."""
    last = np.full(len(subject), EVER)
    if by in _OF_OWNERS:
        owner = won_owners(history, subject, won_at)
        at_win, later = (_filled(owner_facts(history, owner, at)[_OF_OWNERS[by]], by) for at in (won_at, last))
    else:
        at_win, later = labels(history, by, subject, won_at), labels(history, by, subject, last)
    return np.where(at_win == nothing(by), later, at_win)


def owner_of(history: History, subject: Int, at: Int) -> Texts:
    """Owner of each deal as known at each time."""
    return labels(history, "owner", subject, at)


def won_owners(history: History, subject: Int, won_at: Int) -> Texts:
    """Owner of each win: at the win, or, where only a later snapshot tells it, as known at the history's end."""
    return won_labels(history, "owner", subject, won_at)


def previous_owners(history: History, subject: Int, won_at: Int, since: int) -> Texts:
    """To whom each win belonged at `since`, or when it was first known; to its own owner where nobody had it then."""
    before = owner_of(history, subject, np.minimum(np.maximum(history.deals.visible_at[subject], since), won_at))
    return np.where(before == NO_OWNER, won_owners(history, subject, won_at), before)


def numbered(parts: list[Texts]) -> tuple[list[str], list[Int]]:
    """The lines that appear in several parts, and each part's deals as positions among them."""
    codes, lines = pd.factorize(np.concatenate(parts))
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return [str(line) for line in lines], [one.astype(np.int64) for one in np.split(codes, ends)]


def roll_up(history: History, owners: list[str], as_of: int) -> dict[str, npt.NDArray[np.bool_]]:
    """By manager, which of the owners count for them as of a moment, (owners,): everyone below, and themselves."""
    ids = np.array(owners, dtype=object)
    above = np.column_stack([ids, managers(history, ids, np.full(len(ids), as_of))])
    heads = sorted({str(one) for one in above[:, 1:].ravel() if one is not None})
    found = {head: (above == head).any(axis=1) for head in heads}
    without = ~np.any([*found.values(), np.zeros(len(ids), dtype=bool)], axis=0)
    return {**found, **({nothing("manager"): without} if without.any() else {})}


def name_of(history: History, by: str, line: str) -> str:
    """What a line is called: an owner's or manager's name, else what the CRM says."""
    return owner_name(history, line) if by in ("owner", "manager") else line


def owner_name(history: History, owner: str) -> str:
    """Name of an owner, or the id where no name is known."""
    table = history.tables["owners"]
    named = table.loc[(table["owner_id"] == owner) & table["name"].notna(), "name"]
    return str(named.iloc[-1]) if len(named) else owner


def _filled(found: object, by: str) -> Texts:
    values = np.asarray(found, dtype=object)
    return np.where(pd.isna(values), nothing(by), values)
