"""Which rows count, by what had been recorded: the rows of today's tables, and those that a later import replaced.

In: all stored rows of one table in their order, with `superseded_at` (see `stored.read_rows`). Out: the table of those
that count, and the spare rows: recorded, yet outweighed or said otherwise by a row that counts. A spare row may count
for an earlier `recorded_by`; its `position` is its place among all rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["FOREVER", "LATEST", "counting", "cut", "split", "together"]

FOREVER = np.iinfo(np.int64).max
LATEST = FOREVER - 1
# An activity that was imported again with other content, or a contact again with another date, counts once.
_ONE_EACH = {"activities": ["subject", "subject_id", "activity_id"], "deal_contacts": ["deal_id", "contact_id", "role"]}

Bools = npt.NDArray[np.bool_]


def split(rows: pd.DataFrame, chosen: Bools) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All rows as a table of the chosen ones and the spare ones."""
    table = rows.drop(columns="superseded_at")
    if chosen.all():
        return table, rows.iloc[:0].assign(position=np.zeros(0, dtype=np.int64))
    spare = rows[~chosen].assign(position=np.flatnonzero(~chosen))
    return table[chosen].reset_index(drop=True), spare.reset_index(drop=True)


def together(table: pd.DataFrame, spare: pd.DataFrame) -> tuple[pd.DataFrame, Bools]:
    """All rows in their order, and which of them are the table's: the reverse of `split`."""
    chosen = np.ones(len(table) + len(spare), dtype=bool)
    chosen[spare["position"]] = False
    order = np.empty(len(chosen), dtype=np.int64)
    order[chosen], order[~chosen] = np.arange(len(table)), len(table) + np.arange(len(spare))
    rows = pd.concat([table.assign(superseded_at=FOREVER), spare.drop(columns="position")], ignore_index=True)
    return rows.iloc[order].reset_index(drop=True), chosen


def counting(name: str, own: str, rows: pd.DataFrame, recorded_by: int = LATEST) -> Bools:
    """Which of all rows count by what had been recorded at `recorded_by`; `own` names the column of their own time."""
    counts = ((rows["recorded_at"] <= recorded_by) & (rows["superseded_at"] > recorded_by)).to_numpy(bool, copy=True)
    keys = _ONE_EACH.get(name)
    if keys is None or not rows[keys].duplicated().any():
        return counts
    # Of rows about the same the one that was known first counts, by the time from which a row counts: so it is the
    # same row whether the history was cut before or after.
    at = np.flatnonzero(counts)
    found = rows.iloc[at]
    order = np.lexsort((found[own], np.maximum(found[own], found["known_at"])))
    once = ~found.iloc[order].duplicated(keys).to_numpy(bool)
    counts[at[order[~once]]] = False
    return counts


def cut(name: str, own: str, table: pd.DataFrame, spare: pd.DataFrame | None, as_of: int,
        recorded_by: int | None) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """A table and its spare rows as they were known at `as_of` and had been recorded by `recorded_by`."""
    if spare is None or spare.empty:
        keep = _known(table, own, as_of)
        if recorded_by is not None:
            keep = keep & (table["recorded_at"] <= recorded_by).to_numpy(bool)
        return (table if keep.all() else table[keep].reset_index(drop=True)), None
    rows, chosen = together(table, spare)
    before = chosen
    # Weighed before the cut: a row that was entered late must not count early because its entry is not seen yet.
    if recorded_by is not None:
        chosen = counting(name, own, rows, recorded_by)
        recorded = (rows["recorded_at"] <= recorded_by).to_numpy(bool)
    else:
        recorded = np.ones(len(rows), dtype=bool)
    keep = _known(rows, own, as_of) & recorded
    if keep.all() and (chosen == before).all():
        return table, spare
    table, spare = split(rows[keep].reset_index(drop=True), chosen[keep])
    return table, spare


def _known(rows: pd.DataFrame, own: str, as_of: int) -> Bools:
    return ((rows[own] <= as_of) & (rows["known_at"] <= as_of)).to_numpy(bool)
