"""What would change a score: the same lead or deal with one thing more in its history, scored by the same model.

The thing (a call today, a message of the customer, the next stage) is put into a copy of the subject's own history and
its features are computed again, so that all that follow from it move together. What other subjects do stays as it is.
It is what went together in the past, and no promise that doing it would have that effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.asof import AsOf, compute
from features.catalogue import catalogue
from features.endings import is_end
from features.events import Int
from features.history import History
from training.hazard import STATE_COLUMNS, HazardModel, LandmarkTable
from training.outcomes import Landmarks

__all__ = ["WhatIf", "what_if"]

LEAST_POINTS = 0.05  # percentage points; less is no change
FEWEST = 20  # times that a kind of activity or a next state was seen before it is proposed


@dataclass(frozen=True)
class WhatIf:
    """One change: `text` completes "with …", `probability` is the new one, `change` in percentage points."""

    text: str
    probability: float
    change: float


def what_if(model: HazardModel, history: History, table: LandmarkTable, end: Int, most: int = 5) -> list[WhatIf]:
    """Changes to one subject (a table of one landmark) that would move P(won by `end`) (1,), the largest gain first.

    `most` of them at most, and of each kind of activity or next state only what was often seen by then.
    """
    subject, as_of = int(table.landmarks.subject[0]), int(table.landmarks.at[0])
    kind = model.kind
    key = str(history.subjects(kind).ids[subject])
    proposed = _proposals(history, kind, as_of, table.features.iloc[0])
    features = [one for one in catalogue(history, kind, as_of) if not one.by_others]
    copies, ids = _copies(history.only(kind, key).until(as_of), kind, key, [None, *(row for _, row in proposed)], as_of)
    after = compute(features, AsOf(copies, kind, copies.codes(kind, ids), np.full(len(ids), as_of)))
    rows = [table.features.iloc[0]]
    for i in range(1, len(ids)):
        moved = {name: after[name].iloc[i] for name in after
                 if not _same(after[name].iloc[i], after[name].iloc[0])}
        rows.append(pd.Series({**table.features.iloc[0], **moved}))
    frame = pd.DataFrame(rows).astype(table.features.dtypes).reset_index(drop=True)
    marks = Landmarks(np.full(len(rows), subject), np.full(len(rows), as_of))
    chance = model.curves_of(history, LandmarkTable(marks, frame)).win_by(np.full(len(rows), end[0]))
    found = [WhatIf(text, float(one), float(100 * (one - chance[0])))
             for (text, _), one in zip(proposed, chance[1:], strict=True)]
    worth = [one for one in found if abs(one.change) >= LEAST_POINTS]
    return sorted(worth, key=lambda one: (-one.change, one.text))[:most]


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or (pd.isna(one) and pd.isna(other))


def _proposals(history: History, kind: str, as_of: int, features: pd.Series) -> list[tuple[str, dict[str, Any]]]:
    """Each change in words, and its row: an activity's, or a change's, which has a value."""
    found: list[tuple[str, dict[str, Any]]] = []
    for name, direction in _activities(history, kind, as_of):
        article = "an" if name[:1].lower() in "aeio" else "a"
        text = f"{article} {name} from the customer today" if direction == "inbound" else f"{article} {name} today"
        found.append((text, {"kind": name, "direction": direction, "happened_at": as_of}))
    field = history.mapping.state_field(kind)
    for state in _next_states(history, kind, field, features[STATE_COLUMNS[kind][0]], as_of):
        found.append((f"{state} as its {field} from today", {
            "field": field, "value": state, "changed_at": as_of, "sequence": np.iinfo(np.int32).max}))
    return found


def _copies(own: History, kind: str, key: str, added: list[dict[str, Any] | None],
            as_of: int) -> tuple[History, list[str]]:
    """A history with a copy of the subject for each row to be added to one (None adds nothing), and the copies' ids."""
    ids = [f"{key} {i}" for i in range(len(added))]
    tables = dict(own.tables)
    for name, column in ((f"{kind}s", f"{kind}_id"), ("changes", "subject_id"), ("activities", "subject_id"),
                         ("deal_contacts", "deal_id")):
        table = own.tables[name]
        if column not in table or (name == "deal_contacts" and kind != "deal"):
            continue
        here = (table[column] == key) & ((table["subject"] == kind) if "subject" in table else True)
        new = [{"subject": kind, "subject_id": one, **row, "known_at": as_of, "recorded_at": as_of}
               for one, row in zip(ids, added, strict=True)
               if row and name == ("changes" if "value" in row else "activities")]
        parts = [table[~here], *(table[here].assign(**{column: one}) for one in ids),
                 pd.DataFrame(new, columns=table.columns)]
        times = {column: "int64" for column in table.columns if pd.api.types.is_integer_dtype(table[column])}
        tables[name] = pd.concat([part.astype(object) for part in parts], ignore_index=True).astype(times)
    return History(tables, own.mapping, rules=own.rules), ids


def _activities(history: History, kind: str, as_of: int) -> list[tuple[str, str | None]]:
    """Kinds of activity and their directions, as often seen by then."""
    def count() -> list[tuple[str, str | None]]:
        table = history.tables["activities"]
        table = table[(table["subject"] == kind) & (table["happened_at"] <= as_of) & (table["known_at"] <= as_of)]
        seen = table.groupby([table["kind"], table["direction"].fillna("")]).size()
        return [(str(name), str(way) or None) for name, way in seen[seen >= FEWEST].index]

    key = ("what if", kind, str(as_of))
    if key not in history.memo:
        history.memo[key] = count()
    found: list[tuple[str, str | None]] = history.memo[key]
    return found


def _next_states(history: History, kind: str, field: str, state: str | None, as_of: int) -> list[str]:
    """The open states that most often followed a state by then, three at most."""
    log = history.changes(kind, field)
    if not len(log) or state is None:
        return []
    follows = (log.subject[1:] == log.subject[:-1]) & (log.value[:-1] == state) & (log.visible[1:] <= as_of)
    after = pd.Series(log.value[1:][follows]).dropna().value_counts()
    names = [str(name) for name in after[after >= FEWEST].index if name != state]
    ended = is_end(history.mapping, kind, field, names)
    return [name for name, over in zip(names, ended, strict=True) if not over][:3]
