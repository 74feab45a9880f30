"""Each primitive equals a slow, obvious reference on random histories with ties, gaps and late entries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import known
from features.asof import (
    AsOf,
    at_creation,
    category,
    compute,
    count,
    days_since_first,
    days_since_last,
    distinct,
    first_number,
    mean,
    number,
    rate_of_change,
    total,
)
from features.calendar import DAY
from features.catalogue import catalogue
from tests.features.asking import DEALS, asked, history_of, log_at, logs, questions, windows
from tests.histories import activity, change, history

NUMBERS = ["1", "2.5", "-3", "0.1", None]


def same(found, expected):
    """Equal to the slow reference: NaN where it says None, else the number."""
    assert len(found) == len(expected)
    for one, other in zip(found.tolist(), expected, strict=True):
        assert math.isnan(one) if other is None else math.isclose(one, other, abs_tol=1e-9), (found, expected)


def _value(row):
    return None if row is None or row.value is None else float(row.value)


@pytest.fixture(params=[0, 1_000_000], ids=["each pair searched for", "rows sorted into the pairs"], autouse=True)
def either_search(request, monkeypatch):
    # Which of the two ways a position is found depends on how many rows there are for each pair.
    monkeypatch.setattr(known, "FEW", request.param)


@given(logs(NUMBERS), questions)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_values_and_their_times_equal_a_slow_reference(rows, pairs):
    past = history_of(rows, "amount")
    pairs_asked, events = asked(past, pairs), past.changes("deal", "amount")
    seen = [log_at(rows, deal, at) for deal, at in pairs]
    ats = [at for _, at in pairs]
    last = [log[-1] if log else None for log in seen]
    first = [log[0] if log else None for log in seen]
    stood = [([row for row in log if row.day <= DEALS[deal]] or [None])[-1]
             for log, (deal, _) in zip(seen, pairs, strict=True)]
    same(number(events, pairs_asked), [_value(row) for row in last])
    same(first_number(events, pairs_asked), [_value(row) for row in first])
    same(days_since_last(events, pairs_asked), [row and at - row.day for row, at in zip(last, ats, strict=True)])
    same(days_since_first(events, pairs_asked), [row and at - row.day for row, at in zip(first, ats, strict=True)])
    assert category(events, pairs_asked).tolist() == [row and row.value for row in last]
    assert at_creation(events, pairs_asked).tolist() == [row and row.value for row in stood]


@given(logs(NUMBERS), questions, st.one_of(st.none(), windows))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counts_and_sums_equal_a_slow_reference(rows, pairs, window):
    past = history_of(rows, "amount")
    pairs_asked, events = asked(past, pairs), past.changes("deal", "amount")
    seen = [[row for row in log_at(rows, deal, at) if window is None or at - window < row.day <= at]
            for deal, at in pairs]
    values = [[_value(row) for row in log if row.value is not None] for log in seen]
    same(count(events, pairs_asked, window), [len(log) for log in seen])
    same(distinct(events, pairs_asked, window), [len(set(one)) for one in values])
    same(total(events, pairs_asked, window), [sum(one) if one else None for one in values])
    same(mean(events, pairs_asked, window), [sum(one) / len(one) if one else None for one in values])


@given(logs(NUMBERS), questions, windows)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rate_of_change_equals_a_slow_reference(rows, pairs, window):
    past = history_of(rows, "amount")
    expected = []
    for deal, at in pairs:
        log = log_at(rows, deal, at)
        then = [row for row in log if row.day <= at - window]
        values = [_value(log[-1]), _value(then[-1])] if then else [None]
        expected.append(None if None in values else (values[0] - values[1]) / window)
    same(rate_of_change(past.changes("deal", "amount"), asked(past, pairs), window), expected)


@given(logs(NUMBERS), questions)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cutting_off_the_future_changes_no_feature(rows, pairs):
    past = history_of(rows, "amount")
    for deal, at in pairs:
        if DEALS[deal] > at:
            continue
        whole = asked(past, [(deal, at)])
        cut = asked(past.until(round(at * DAY)), [(deal, at)])
        features = catalogue(past, "deal")
        names = {one.name for one in catalogue(cut.history, "deal")}
        left = compute([one for one in features if one.name in names], whole)
        right = compute([one for one in features if one.name in names], cut)
        assert left.equals(right)


@given(logs(NUMBERS), questions)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_many_pairs_at_once_equal_one_at_a_time(rows, pairs):
    past = history_of(rows, "amount")
    features = catalogue(past, "deal")
    together = compute(features, asked(past, pairs))
    for i, one in enumerate(pairs):
        assert compute(features, asked(past, [one])).iloc[0].equals(together.iloc[i])


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


def test_how_long_activities_took_is_told_where_some_say_so():
    past = history(deals={"a": 0}, activities=[{**activity("a", day), "duration_seconds": seconds}
                                               for day, seconds in ((1, 7200.0), (2, None), (3, 3600.0), (9, 60.0))])
    row = compute(catalogue(past, "deal"), AsOf(past, "deal", np.array([0]), np.array([4 * DAY]))).iloc[0]
    assert (row["activity_hours"], row["mean_activity_hours"]) == (3, 1.5)
    silent = history(deals={"a": 0}, activities=[activity("a", 1)])
    assert not any(one.name == "activity_hours" for one in catalogue(silent, "deal"))


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
