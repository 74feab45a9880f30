"""What is computed again after new rows equals a full rebuild, and no more is computed than the rows touch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from features.asof import AsOf, compute
from features.calendar import DAY
from features.catalogue import catalogue
from features.history import History
from features.incremental import compute_again
from tests.features.asking import DEALS, asked, days, logs, questions
from tests.histories import activity, change, history

STAGES, AMOUNTS, OWNERS = logs(["Talk", "Offer", "Won", "Lost"]), logs(["1", "7", None]), logs(["Ann", "Bob"])
calls = st.lists(st.tuples(st.sampled_from(sorted(DEALS)), days, st.integers(0, 4),
                           st.sampled_from(["inbound", "outbound"])), max_size=8)


def _history(stages, amounts, owners, called):
    return history(deals=DEALS, changes=[
        change(row.deal, field, row.value, row.day, known=row.day + row.late, sequence=row.sequence)
        for field, rows in (("stage", stages), ("amount", amounts), ("owner", owners)) for row in rows],
        activities=[activity(deal, day, direction=way, known=day + late) for deal, day, late, way in called])


def _without(past, drawn):
    """The history before some of its rows had come."""
    tables = {}
    for name, table in past.tables.items():
        keep = np.ones(len(table), dtype=bool)
        if name in ("changes", "activities"):
            keep[[i for i in drawn if i < len(table)]] = False
        tables[name] = table[keep].reset_index(drop=True)
    return History(tables, past.mapping)


def equal(left, right):
    return all(((left[name] == right[name]) | (left[name].isna() & right[name].isna())).all() for name in right)


@given(STAGES, AMOUNTS, OWNERS, calls, questions, st.sets(st.integers(0, 30), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_incremental_equals_a_full_rebuild(stages, amounts, owners, called, pairs, later):
    after = _history(stages, amounts, owners, called)
    before = _without(after, later)
    previous = compute(catalogue(before, "deal"), asked(before, pairs))
    features = catalogue(after, "deal")
    again = compute_again(features, previous, asked(after, pairs), before)
    full = compute(features, asked(after, pairs))
    assert list(again) == list(full)
    assert equal(again, full)


def test_only_what_new_rows_touch_is_computed_again():
    first = [change(deal, "stage", "Talk", day + 1.0) for deal, day in DEALS.items()]
    before = history(deals=DEALS, changes=first)
    after = history(deals=DEALS, changes=[*first, change("b", "stage", "Offer", 8)])
    asked_of = []

    def watched(feature):
        def compute_and_tell(pairs):
            asked_of.append((feature.by_others, [(int(one), at / DAY) for one, at in
                                                 zip(pairs.subject, pairs.at.tolist(), strict=True)]))
            return feature.compute(pairs)
        return replace(feature, compute=compute_and_tell)

    pairs = [("a", 5.0), ("a", 9.0), ("b", 5.0), ("b", 9.0)]
    features = catalogue(before, "deal")
    previous = compute(features, asked(before, pairs))
    again = compute_again([watched(one) for one in features], previous, asked(after, pairs), before)
    assert equal(again, compute(features, asked(after, pairs)))
    assert {tuple(asked) for by_others, asked in asked_of if not by_others} == {((1, 9.0),)}
    assert {tuple(asked) for by_others, asked in asked_of if by_others} == {((0, 9.0), (1, 9.0))}


def test_a_row_that_came_late_touches_nothing_before_it_was_known():
    before = history(deals={"a": 0.0})
    after = history(deals={"a": 0.0}, changes=[change("a", "amount", "5", 2, known=6)])
    pairs = AsOf(after, "deal", np.array([0, 0]), np.array([4, 7]) * DAY)
    features = [one for one in catalogue(before, "deal") if one.name == "amount"]
    marked = pd.DataFrame({"amount": [77.0, 77.0]})  # no true value, to see which of them is kept
    assert compute_again(features, marked, pairs, before)["amount"].tolist() == [77.0, 5.0]
