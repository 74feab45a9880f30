"""Plain methods, asked of a company whose weeks are all the same, so that every answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from features.calendar import DAY
from features.settings import load_settings
from tests.histories import change, history
from training.evidence.distributions import LEVELS
from training.evidence.plain_deals import plain_deals
from training.evidence.plain_forecasts import METHODS, Past, dressed, plain_forecasts
from training.evidence.rolling import prior_rows
from training.hazard import bin_edges

ORIGIN = 280 * DAY
EDGES = bin_edges(20, 28)
PRIOR = prior_rows(load_settings().training.priors.deal, EDGES)


def _company(last=400):
    """Each day one deal is created for 1,000; every second is won on its twentieth day, the others lost on it."""
    deals, changes = {}, []
    for day in range(last):
        name = f"d{day:03d}"
        deals[name] = day + 0.5
        won = day % 2 == 0
        changes += [change(name, "stage", "Talk", day + 0.5), change(name, "amount", "100000", day + 0.5),
                    change(name, "expected_close", f"{np.datetime64(day + 20, 'D')}T12:00:00+00:00", day + 0.5),
                    change(name, "forecast_category", "commit" if won else "pipeline", day + 0.5),
                    change(name, "stage", "Won" if won else "Lost", day + 20.5)]
    return history(deals=deals, changes=changes)


@pytest.fixture(scope="module")
def company():
    return _company()


@pytest.fixture(scope="module")
def past(company):
    return Past.at_origin(company, ORIGIN, 28.0, EDGES, PRIOR)


# Of 28 days: 10 of the 20 open deals are won, and 4 of the 8 that are created early enough.
@pytest.mark.parametrize(("method", "count"), [
    ("last", 14), ("average", 14), ("per_open", 14), ("run_rate", 14), ("stage_28", 10), ("stage_weighted", 10),
    ("reps", 10)])
def test_a_method_says_what_a_steady_company_brings(past, method, count):
    said = METHODS[method](past, ORIGIN)
    assert said[0] == pytest.approx(count, abs=0.2)
    assert said[1] == pytest.approx(count * 100_000, rel=0.02)


def test_aalen_johansen_with_new_deals_says_nearly_the_same(past):
    assert METHODS["aj"](past, ORIGIN)[0] == pytest.approx(14, abs=0.8)


def test_what_comes_after_the_origin_changes_nothing(company, past):
    cut = Past.at_origin(company.until(ORIGIN), ORIGIN, 28.0, EDGES, PRIOR)
    assert plain_forecasts(cut) == plain_forecasts(past)
    assert {name: said.tolist() for name, said in plain_deals(cut).items()} == \
        {name: said.tolist() for name, said in plain_deals(past).items()}


def test_a_method_that_was_right_before_has_a_narrow_range_in_major_units(past):
    said = plain_forecasts(past)
    assert set(said) == set(METHODS)
    last = said["last"]["won_amount"]
    assert last["mean"] == pytest.approx(14_000, rel=0.02)
    assert len(last["quantiles"]) == len(LEVELS)
    low, high = np.interp([0.1, 0.9], LEVELS, last["quantiles"])
    alone = dressed(14_000, np.zeros(0), 0.0)
    assert high - low < 0.6 * (alone[35] - alone[3])


def test_a_range_is_as_wide_as_the_errors_were():
    errors = np.random.default_rng(0).normal(0, 0.2, 500)
    said = dressed(100.0, errors, 500.0)
    assert said[19] == pytest.approx(100)
    assert np.log(said[35] / said[3]) == pytest.approx(2 * 1.2816 * 0.2, rel=0.1)
    assert (dressed(0.0, errors, 500.0) == 0).all()


def test_nothing_is_said_by_a_method_that_has_nothing_to_go_by(company):
    young = Past.at_origin(company, 15 * DAY, 28.0, EDGES, PRIOR)
    assert {name for name in METHODS if METHODS[name](young, 15 * DAY) is None} == \
        {"stage_weighted", "stage_28", "last", "average", "per_open", "run_rate"}


def test_what_reps_call_their_deals_is_read_by_what_became_of_such(past):
    """A commitment of this company is always kept, and no other deal is won."""
    said = plain_deals(past)
    assert sorted(set(said)) == ["rep_rate", "stage_final"]
    assert np.sort(said["rep_rate"]).round(1).tolist() == [0.0] * 10 + [1.0] * 10
    assert said["stage_final"] == pytest.approx(np.full(20, 0.5), abs=0.01)
