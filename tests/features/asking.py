"""Random logs with ties, gaps, repeats and late entries, questions of them, and the slow and obvious way to answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from features.asof import AsOf
from features.calendar import DAY
from features.history import History
from tests.histories import change, history

DEALS = {"a": 0.0, "b": 1.0, "c": 2.0}

days = st.integers(0, 14).map(float)
windows = st.integers(1, 8).map(float)
questions = st.lists(st.tuples(st.sampled_from(sorted(DEALS)), days), min_size=4, max_size=12)


class Row(NamedTuple):
    """A change as it is drawn: of which deal, on which day, how many days late, its sequence and value."""

    deal: str
    day: float
    late: float
    sequence: int
    value: str | None


def logs(values: list[str | None]) -> st.SearchStrategy[list[Row]]:
    """Changes of one field, many of them entered late."""
    late = st.one_of(st.just(0.0), st.just(2.0), st.integers(0, 6).map(float))
    row = st.builds(Row, st.sampled_from(sorted(DEALS)), days, late, st.integers(0, 2), st.sampled_from(values))
    # Short logs are soon told apart, long ones are out of order in more than one way.
    return st.one_of(st.lists(row, max_size=5), st.lists(row, min_size=8, max_size=20))


def history_of(rows: list[Row], field: str) -> History:
    return history(deals=DEALS, changes=[change(row.deal, field, row.value, row.day, known=row.day + row.late,
                                                sequence=row.sequence) for row in rows])


def asked(past: History, pairs: list[tuple[str, float]]) -> AsOf:
    return AsOf(past, "deal", past.codes("deal", [deal for deal, _ in pairs]),
                np.array([round(at * DAY) for _, at in pairs], dtype=np.int64))


def log_at(rows: list[Row], deal: str, at: float, ranks: dict[str, int] | None = None) -> list[Row]:
    """What is known of a deal at a time, in the order in which it became so: own time, sequence, stage order, value."""
    ranks = ranks or {}
    known = [row for row in rows if row.deal == deal and row.day + row.late <= at]
    return sorted(known, key=lambda row: (row.day, row.sequence, ranks.get(row.value or "", len(ranks)),
                                          row.value or ""))
