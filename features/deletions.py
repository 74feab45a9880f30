"""Deletions: who is gone from the CRM, and since when that is known.

A full snapshot that lacks a subject says that it was deleted: a change of the field `deleted`, known from that import
on and never before. A deleted lead or deal is not open any more, and neither won nor lost: it is censored. Its past
stays.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, category
from features.events import Events, Int
from features.history import History

__all__ = ["DELETED", "deleted_as_of", "followed_until", "is_deleted"]

DELETED = "deleted"  # a well-known field; a column of the CRM may be mapped to it too
_YES = ("true", "1", "yes")
Bools = npt.NDArray[np.bool_]


def is_deleted(values: npt.ArrayLike | pd.Series) -> Bools:
    """Which values of the field say that the subject is deleted: (n,)."""
    return pd.Series(values, dtype=object).fillna("").astype(str).str.lower().isin(_YES).to_numpy(bool)


def deleted_as_of(history: History, kind: str, subject: Int, at: Int) -> Bools:
    """Whether each subject was known to be deleted at each time."""
    events = history.changes(kind, DELETED)
    if not len(events):
        return np.zeros(len(subject), dtype=bool)
    return is_deleted(category(events, AsOf(history, kind, subject, at)))


def followed_until(history: History, kind: str, subject: Int, at: Int, end: int | Int) -> Int:
    """Until when each subject can be followed from each time on: its next deletion, at most `end`."""
    until = np.broadcast_to(np.asarray(end, dtype=np.int64), len(subject))
    events = _deletions(history, kind)
    if not len(events):
        return until
    row = events.position(subject, at) + 1
    later = row < events.start[subject + 1]
    when = np.where(later, events.visible[np.where(later, row, 0)], np.iinfo(np.int64).max)
    return np.minimum(until, when)


def _deletions(history: History, kind: str) -> Events:
    events = history.changes(kind, DELETED)
    return events.where(is_deleted(events.value)) if len(events) else events
