"""People as of a date: who reported to whom, in which team and region, and at which account a contact was.

A row of owners counts from its `valid_from` on, once it was known: a re-organisation does not rewrite the past. All
functions take (n,) ids and (n,) microseconds; what is not known at a time is None.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, Texts, category, newest
from features.events import Events, Int, sort_events
from features.history import History
from features.record import linked

__all__ = ["contact_accounts", "managers", "owner_facts", "reports"]

_FACTS = ["name", "manager_id", "team", "region"]


def owner_facts(history: History, owners: npt.ArrayLike, at: Int) -> pd.DataFrame:
    """Name, manager_id, team and region of each owner as they were at each time: (n, 4) text, None where not known."""
    people, events, facts = _log(history)
    ids = np.asarray(owners, dtype=object)
    code = people.get_indexer(pd.Index(ids))
    found = np.full((len(ids), len(_FACTS)), None, dtype=object)
    there = np.flatnonzero(code >= 0)
    row = newest(events, AsOf(history, "owner", code[there].astype(np.int64), np.asarray(at, dtype=np.int64)[there]))
    known = row >= 0
    # `value` holds the position of the row in the table, since rows were sorted anew.
    found[there[known]] = facts[events.value[row[known]].astype(np.int64)]
    return pd.DataFrame(found, columns=_FACTS, dtype=object)


def managers(history: History, owners: npt.ArrayLike, at: Int) -> Texts:
    """The managers above each owner at each time, nearest first: (n, levels) ids, None above the last.

    A chain ends before it names a person twice, so that a cycle in the hierarchy has an end.
    """
    at = np.asarray(at, dtype=np.int64)
    above = np.asarray(owners, dtype=object)
    levels = [above]
    while True:
        above = owner_facts(history, above, at)["manager_id"].to_numpy(object, copy=True)
        for below in levels:
            above[above == below] = None
        if pd.isna(above).all():
            return np.stack(levels[1:], axis=1) if levels[1:] else np.empty((len(at), 0), dtype=object)
        levels.append(above)


def reports(history: History, manager: str, as_of: int) -> list[str]:
    """Everyone below a manager as of a moment, and the manager, sorted: whose deals are in the manager's forecast."""
    people = _log(history)[0].to_numpy(object)
    above = managers(history, people, np.full(len(people), as_of))
    return sorted({manager, *people[(above == manager).any(axis=1)].tolist()})


def contact_accounts(history: History, contacts: npt.ArrayLike, at: Int) -> Texts:
    """The account of each contact at each time, (n,): by the field `account` where its changes are mapped, else the
    account_id with which the contact was created. Raises NotFound for a contact that no file created."""
    code = history.codes("contact", contacts)
    pairs = AsOf(history, "contact", code, np.asarray(at, dtype=np.int64))
    account = linked(pairs, "account_id")
    told = newest(pairs.changes("account"), pairs) >= 0
    account[told] = category(pairs.changes("account"), pairs)[told]
    return account


def _log(history: History) -> tuple[pd.Index, Events, Texts]:
    """All owners by id, their rows as Events, and what each row of the table says."""
    key = ("owners",)
    if key not in history.memo:
        table = history.tables["owners"]
        people = pd.Index(sorted(table["owner_id"].unique()), dtype=object)
        facts = table[_FACTS].astype(object)
        facts = facts.where(facts.notna(), None)
        at, known_at = (table[name].to_numpy(np.int64) for name in ("valid_from", "known_at"))
        ties = [facts[name].fillna("").astype(str).to_numpy(object) for name in reversed(_FACTS)]
        newness = np.empty(len(table), dtype=np.int64)
        newness[np.lexsort([*(pd.factorize(one, sort=True)[0] for one in ties), known_at, at])] = np.arange(len(table))
        code = people.get_indexer(pd.Index(table["owner_id"].to_numpy(object))).astype(np.int64)
        events = sort_events(code, at, np.maximum(at, known_at), newness,
                             np.arange(len(table)).astype(object), len(people))
        history.memo[key] = people, events, facts.to_numpy(object)
    found: tuple[pd.Index, Events, Texts] = history.memo[key]
    return found
