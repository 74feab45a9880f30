from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from training.evidence.distributions import (
    LEVELS,
    SHARES,
    covered,
    crps,
    deal_losses,
    interval,
    interval_score,
    pinball,
    pit,
    pit_histogram,
    quantiles_of,
)


def _normal(mean, sd):
    return mean + sd * norm.ppf(LEVELS)


@pytest.mark.parametrize("actual", [-2.5, -0.3, 0.0, 1.0, 4.0])
def test_crps_of_a_normal_is_that_of_the_formula(actual):
    """Gneiting & Raftery (2007), equation (21)."""
    mean, sd = 0.5, 1.5
    z = (actual - mean) / sd
    exact = sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
    assert crps(_normal(mean, sd), np.array(actual)) == pytest.approx(exact, rel=0.03)


def test_crps_without_width_is_the_absolute_error():
    assert crps(np.full(39, 7.0), np.array(4.0)) == pytest.approx(3.0)


def test_crps_is_best_for_the_distribution_that_things_come_from():
    came = np.random.default_rng(0).normal(0, 1, 4000)
    said = {sd: crps(_normal(0, sd), came).mean() for sd in (0.5, 1.0, 2.0)}
    assert said[1.0] == min(said.values())


def test_pinball_charges_a_high_quantile_little_for_being_high():
    assert pinball(np.array([10.0]), np.array(4.0), np.array([0.9])) == pytest.approx(0.6)
    assert pinball(np.array([10.0]), np.array(14.0), np.array([0.9])) == pytest.approx(3.6)


def test_interval_score_is_the_width_and_a_fine_for_each_miss():
    said = quantiles_of(np.linspace(0, 100, 100_001))
    low, high = interval(said, 0.8)
    assert (low, high) == (pytest.approx(10), pytest.approx(90))
    assert interval_score(said, np.array(50.0), 0.8) == pytest.approx(80)
    assert interval_score(said, np.array(95.0), 0.8) == pytest.approx(80 + 10 * 5)
    assert interval_score(said, np.array(4.0), 0.8) == pytest.approx(80 + 10 * 6)


def test_right_intervals_cover_what_they_say_and_their_pit_is_even():
    came = np.random.default_rng(1).normal(3, 2, 20_000)
    said = np.broadcast_to(_normal(3, 2), (len(came), 39))
    for share in SHARES:
        assert covered(said, came, share).mean() == pytest.approx(share, abs=0.01)
    even = pit_histogram(pit(said, came))
    assert sum(even) == len(came)
    assert max(even) < 1.15 * min(even)


def test_pit_shows_intervals_that_are_too_narrow_and_forecasts_that_are_too_high():
    came = np.random.default_rng(1).normal(0, 2, 5000)
    narrow = pit_histogram(pit(np.broadcast_to(_normal(0, 1), (len(came), 39)), came))
    assert min(narrow[0], narrow[-1]) > 2 * max(narrow[4:6])
    high = pit_histogram(pit(np.broadcast_to(_normal(3, 2), (len(came), 39)), came))
    assert high[0] > 3 * high[-1]


def test_pit_of_a_number_that_holds_much_of_the_chance_is_its_middle():
    said = np.concatenate([np.zeros(20), np.arange(1.0, 20.0)])[None, :]
    assert pit(said, np.array([0.0])) == pytest.approx(21 / 80)
    assert pit(said, np.array([-1.0])) == pytest.approx(0.5 / 40)
    assert pit(said, np.array([99.0])) == pytest.approx(39.5 / 40)


def test_losses_of_a_deal_are_of_the_three_quantiles():
    found = deal_losses(np.array([[2.0, 5.0, 9.0]]), np.array([6.0]))
    assert found["pinball"][0] == pytest.approx((0.1 * 4 + 0.5 * 1 + 0.1 * 3) / 3)
    assert found["median_error"][0] == 1.0
    assert found["held"][0] == 1.0
