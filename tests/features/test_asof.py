"""Each primitive equals a slow, obvious reference on random histories with ties, gaps and late entries."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.asof import (
    AsOf,
    category,
    compute,
    count,
    days_since_first,
    days_since_last,
    number,
    total,
)
from features.calendar import DAY
from features.catalogue import catalogue
from tests.histories import activity, change, history

DEALS = {"a": 0.0, "b": 1.0, "c": 2.0}
days = st.integers(0, 12).map(float)
rows = st.lists(st.tuples(st.sampled_from(sorted(DEALS)), days, st.integers(0, 4), st.integers(1, 9),
                          st.integers(0, 3)), max_size=25)
questions = st.lists(st.tuples(st.sampled_from(sorted(DEALS)), days), min_size=1, max_size=10)


def _history(rows):
    return history(deals=DEALS, changes=[change(deal, "amount", str(value), day, known=day + late, sequence=sequence)
                                         for deal, day, late, value, sequence in rows])


def _visible(rows, deal, at):
    """Rows known of a deal, oldest first by (own time, sequence, value)."""
    return sorted((day, sequence, str(value)) for one, day, late, value, sequence in rows
                  if one == deal and day <= at and day + late <= at)


def _asked(past, asked):
    return AsOf(past, "deal", past.codes("deal", [deal for deal, _ in asked]),
                np.array([round(at * DAY) for _, at in asked]))


@given(rows, questions)
@settings(max_examples=150, deadline=None)
def test_primitives_equal_a_slow_reference(rows, asked):
    past = _history(rows)
    pairs, events = _asked(past, asked), past.changes("deal", "amount")
    seen = [_visible(rows, deal, at) for deal, at in asked]
    last, first = number(events, pairs), days_since_first(events, pairs)
    since, text = days_since_last(events, pairs), category(events, pairs)
    for i, (_, at) in enumerate(asked):
        if not seen[i]:
            assert math.isnan(last[i])
            assert math.isnan(first[i])
            assert text[i] is None
            continue
        assert last[i] == float(seen[i][-1][2])
        assert text[i] == seen[i][-1][2]
        assert since[i] == at - seen[i][-1][0]
        assert first[i] == at - seen[i][0][0]
    assert count(events, pairs).tolist() == [len(one) for one in seen]


@given(rows, questions, st.integers(1, 6))
@settings(max_examples=100, deadline=None)
def test_windows_count_what_became_known_in_them(rows, asked, window):
    past = _history(rows)
    pairs, events = _asked(past, asked), past.changes("deal", "amount")
    found, sums = count(events, pairs, window), total(events, pairs, window)
    for i, (deal, at) in enumerate(asked):
        values = [value for one, day, late, value, _ in rows if one == deal and at - window < day + late <= at]
        assert found[i] == len(values)
        assert math.isnan(sums[i]) if not values else sums[i] == sum(values)


@given(rows, questions)
@settings(max_examples=40, deadline=None)
def test_cutting_off_the_future_changes_no_feature(rows, asked):
    past = _history(rows)
    for deal, at in asked:
        if DEALS[deal] > at:
            continue
        whole = _asked(past, [(deal, at)])
        cut = _asked(past.until(round(at * DAY)), [(deal, at)])
        features = catalogue(past, "deal")
        names = {one.name for one in catalogue(cut.history, "deal")}
        left = compute([one for one in features if one.name in names], whole)
        right = compute([one for one in features if one.name in names], cut)
        assert left.equals(right)


@given(rows, questions)
@settings(max_examples=40, deadline=None)
def test_many_pairs_at_once_equal_one_at_a_time(rows, asked):
    past = _history(rows)
    features = catalogue(past, "deal")
    together = compute(features, _asked(past, asked))
    for i, one in enumerate(asked):
        assert compute(features, _asked(past, [one])).iloc[0].equals(together.iloc[i])


def test_late_entry_with_an_earlier_date_does_not_count_before_it_was_known():
    past = history(deals={"a": 0}, activities=[activity("a", 3, known=10)])
    pairs = AsOf(past, "deal", np.array([0, 0]), np.array([5, 11]) * DAY)
    events = past.activities("deal")
    assert count(events, pairs).tolist() == [0, 1]
    assert days_since_last(events, pairs)[1] == 8  # by its own date, once it is known


def test_missing_is_missing_and_never_zero():
    past = history(deals={"a": 0})
    features = catalogue(past, "deal")
    row = compute(features, AsOf(past, "deal", np.array([0]), np.array([5 * DAY]))).iloc[0]
    assert math.isnan(row["amount"])
    assert row["stage"] is None
    assert math.isnan(row["days_since_activity"])
    assert row["activities_total"] == 0


def test_the_catalogue_declares_enough_and_each_name_once():
    past = history(deals={"a": 0}, leads={"x": 0})
    for kind, least in (("lead", 10), ("deal", 15)):
        names = [feature.name for feature in catalogue(past, kind)]
        assert len(names) == len(set(names))
        assert len(names) >= least
        assert all(feature.meaning and feature.unit and feature.wording for feature in catalogue(past, kind))


def test_a_snapshots_first_sight_of_a_deal_does_not_start_its_stages_clock():
    seen = [change("a", "stage", "Talk", 40)]
    moved = [*seen, change("a", "stage", "Offer", 50)]
    for changes, at, days_in_stage in ((seen, 45, 45), (moved, 60, 10)):
        past = history(deals={"a": 0}, changes=changes)
        row = compute(catalogue(past, "deal"), AsOf(past, "deal", np.array([0]), np.array([at * DAY]))).iloc[0]
        assert row["days_in_stage"] == days_in_stage


def test_amounts_are_compared_with_the_first_that_was_entered_even_if_late():
    past = history(deals={"a": 0}, changes=[change("a", "amount", "100", 1), change("a", "amount", "150", 9)])
    row = compute(catalogue(past, "deal"), AsOf(past, "deal", np.array([0]), np.array([10 * DAY]))).iloc[0]
    assert row["amount_change_ratio"] == 1.5


def test_braces_in_a_companys_own_words_are_no_placeholders():
    past = history(deals={"a": 0}, activities=[activity("a", 3, kind="Call {x}")],
                   changes=[change("a", "stage", "Stage {y}", 1)])
    worded = [feature.wording.format(value="5") for feature in catalogue(past, "deal")]
    assert "the last Call {x} was 5 days ago" in worded
    assert "5 days since Stage {y}" in worded
