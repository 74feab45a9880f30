"""The words of a slip, held against the curves moment by moment."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.calendar import DAY
from tests.histories import change, history, mapping
from training.curves import curves_from_hazards
from training.slip import NO_DATE, chance_of_period, expected_close, period_ends, slips

EDGES = np.array([0.0, 1, 3, 7, 14, 28])
AT = np.array([4, 5, 6, 7]) * DAY + 3_600_000_000
rates = arrays(np.float64, (4, 5, 2), elements=st.floats(0.0, 0.45))


def _curves(found):
    hazards = np.concatenate([1 - found.sum(axis=2, keepdims=True), found], axis=2)
    return curves_from_hazards(AT, EDGES, hazards, mapping())


@given(rates, arrays(np.int64, 4, elements=st.integers(3, 40)))
@settings(max_examples=60, deadline=None)
def test_on_time_lost_before_and_slip_are_the_three_curves_at_the_end_of_the_day(found, days):
    curves, expected = _curves(found), days * DAY - 1
    said = slips(curves, expected)
    for i in range(4):
        ahead, within = expected[i] > AT[i], expected[i] <= curves.end[i]
        assert said.overdue[i] == (not ahead)
        if not within:
            assert np.isnan([said.on_time[i], said.lost_before[i], said.slip[i], said.slip_days[i]]).all()
            continue
        assert said.on_time[i] == pytest.approx(curves.win_by(np.full(4, expected[i]))[i])
        assert said.lost_before[i] == pytest.approx(curves.lose_by(np.full(4, expected[i]))[i])
        if ahead:
            assert said.on_time[i] + said.lost_before[i] + said.slip[i] == pytest.approx(1.0)
            assert said.slip[i] == pytest.approx(curves.open_at(np.full(4, expected[i]))[i], abs=1e-12)
        else:
            assert np.isnan(said.slip[i])
            assert (said.on_time[i], said.lost_before[i]) == (0.0, 0.0)


@given(rates, arrays(np.int64, 4, elements=st.integers(3, 30)))
@settings(max_examples=40, deadline=None)
def test_slip_days_lead_to_the_median_of_the_wins_after_the_day(found, days):
    curves, expected = _curves(found), days * DAY - 1
    said = slips(curves, expected).slip_days
    before, total = curves.win_by(expected), curves.win[:, -1]
    for i in np.flatnonzero(~np.isnan(said)):
        assert said[i] > 0
        median = expected[i] + said[i] * DAY
        share = [(curves.win_by(np.full(4, round(at)))[i] - before[i]) / (total[i] - before[i])
                 for at in (median - 2_000_000, median)]
        assert share[0] <= 0.5 + 1e-6
        assert share[1] >= 0.5 - 1e-6


def test_a_deal_without_a_date_says_nothing():
    curves = _curves(np.full((4, 5, 2), 0.1))
    nobody = np.full(4, NO_DATE)
    said = slips(curves, nobody)
    assert not said.overdue.any()
    assert np.isnan([said.on_time, said.lost_before, said.slip, said.slip_days, chance_of_period(curves, nobody)]).all()


def test_the_period_is_the_fiscal_quarter_that_holds_the_day():
    days = [date(1970, 1, 20), date(1970, 3, 31), date(1970, 4, 1), date(1971, 12, 31)]
    ends = [date(1970, 4, 1), date(1970, 4, 1), date(1970, 7, 1), date(1972, 1, 1)]
    asked = np.array([(one - date(1970, 1, 1)).days * DAY + DAY - 1 for one in days] + [NO_DATE])
    expected = [(one - date(1970, 1, 1)).days * DAY - 1 for one in ends] + [NO_DATE]
    assert period_ends(asked, mapping()).tolist() == expected


def test_the_chance_of_a_period_that_is_over_or_beyond_the_curves_is_not_said():
    hazards = np.tile([0.9, 0.05, 0.05], (3, 5, 1))
    at = np.array([85, 85, 85]) * DAY
    curves = curves_from_hazards(at, EDGES, hazards, mapping())
    # The first quarter of 1970 ends with day 89.
    expected = np.array([86, -100, 100]) * DAY + DAY - 1
    expected[1] = 84 * DAY - 1
    found = chance_of_period(curves, expected)
    assert found[0] == found[1] == pytest.approx(curves.win_by(90 * DAY - 1)[0])
    assert np.isnan(found[2])
    late = curves_from_hazards(at + 6 * DAY, EDGES, hazards, mapping())
    assert np.isnan(chance_of_period(late, expected)[:2]).all()


def test_the_expected_close_is_the_end_of_the_day_as_it_was_known():
    def text(day):
        return (datetime(1970, 1, 1) + timedelta(days=day)).isoformat() + "+00:00"

    past = history(deals={"a": 0, "b": 0}, changes=[
        change("a", "expected_close", text(20), 1), change("a", "expected_close", text(50.4), 10),
        change("a", "expected_close", text(40), 5, known=12), change("a", "expected_close", None, 30)])
    a, b = past.deals.codes(["a", "b"])
    at = np.array([0.5, 1, 9, 10, 12, 30]) * DAY
    found = expected_close(past, np.full(6, a), at.astype(np.int64))
    ends = [None, 20, 20, 50, 50, None]  # what was told late of an earlier day changes nothing
    assert found.tolist() == [NO_DATE if day is None else (day + 1) * DAY - 1 for day in ends]
    assert expected_close(past, np.array([b]), np.array([20 * DAY])).tolist() == [NO_DATE]
