"""Features after new rows have come: only what the rows touch is computed again.

A value as of T of a subject can only change where a row about it that is known by T is new, gone or another than
before; a value that depends on other subjects too, where any such row about any of them is. Both follow from the gate
(`features.leakage`): nothing that is not known by T may count. So a pair is touched from the earliest such row on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, Feature, compute
from features.events import Int
from features.history import OWN_TIME, STAMPS, History

__all__ = ["compute_again", "touched_since"]

_NEVER = np.iinfo(np.int64).max
# Tables whose rows are about one lead or deal, and the column that names it; rows of others may matter to all.
_ABOUT = {"leads": "lead_id", "deals": "deal_id", "deal_contacts": "deal_id"}


def compute_again(features: Sequence[Feature], previous: pd.DataFrame, pairs: AsOf, before: History) -> pd.DataFrame:
    """What `compute(features, pairs)` gives, from `previous`, the same pairs' features as they were computed from the
    history `before`. `pairs` ask the history as it is now; its mapping is that of before."""
    own, others = touched_since(before, pairs.history, pairs.kind)
    touched = {False: own[pairs.subject] <= pairs.at, True: np.full(len(pairs), others) <= pairs.at}
    fresh: dict[str, npt.NDArray[np.generic]] = {}
    for by_others, again in touched.items():
        # A feature that was not there before, such as the clock of a new stage, is computed for all.
        wanted = [one for one in features if one.by_others == by_others and one.name in previous]
        rows = np.flatnonzero(again)
        part = compute(wanted, AsOf(pairs.history, pairs.kind, pairs.subject[rows], pairs.at[rows]))
        for one in wanted:
            column = previous[one.name].to_numpy(np.float64 if one.dtype == "number" else object, copy=True)
            column[rows] = part[one.name].to_numpy(column.dtype)
            fresh[one.name] = column
    new = compute([one for one in features if one.name not in previous], pairs)
    table = {one.name: fresh[one.name] if one.name in fresh else new[one.name] for one in features}
    return pd.DataFrame(table, index=pd.RangeIndex(len(pairs)))


def touched_since(before: History, after: History, kind: str) -> tuple[Int, int]:
    """From when on something about each subject of a kind differs between two states of a history (subjects,), by the
    codes of `after`, and from when on anything does; the largest int where nothing ever does."""
    subjects = after.subjects(kind)
    own = np.full(len(subjects), _NEVER, dtype=np.int64)
    anything = _NEVER
    for name in after.tables.keys() - {"quotas", "calls"}:  # no feature reads what people call
        rows = _different(before.tables[name], after.tables[name])
        if not len(rows):
            continue
        visible = np.maximum(rows[OWN_TIME[name]].to_numpy(np.int64), rows["known_at"].to_numpy(np.int64))
        anything = min(anything, int(visible.min()))
        if name == "rates":  # they say what amounts of all subjects are worth
            own = np.minimum(own, visible.min())
        column = "subject_id" if "subject" in rows else _ABOUT.get(name)
        about = (rows["subject"] == kind).to_numpy() if "subject" in rows else np.full(
            len(rows), name == f"{kind}s" or (name == "deal_contacts" and kind == "deal"))
        if column is not None and about.any():
            code = subjects.codes(rows.loc[about, column].to_numpy(object))
            np.minimum.at(own, code[code >= 0], visible[about][code >= 0])
    return own, anything


def _different(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Rows that stand in one of two tables and not, or not as often, in the other; by what they say and since when."""
    columns = [name for name in after.columns if name not in STAMPS or name == "known_at"]
    tables = pd.concat([before[columns], after[columns]], ignore_index=True)
    row = pd.util.hash_pandas_object(tables, index=False).to_numpy()
    which, code = np.unique(row, return_inverse=True)
    sign = np.repeat(np.array([-1, 1]), [len(before), len(after)])
    differs = np.bincount(code, weights=sign, minlength=len(which))[code] != 0
    found: pd.DataFrame = tables[differs]
    return found
