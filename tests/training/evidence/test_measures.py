from __future__ import annotations

import numpy as np
import pytest

from training.evidence.measures import figures, lift, perfect_errors, recalibration, reliability

N = 20_000


@pytest.fixture(scope="module")
def right():
    """Probabilities that are right, and what came."""
    random = np.random.default_rng(0)
    probability = random.beta(1, 4, N)
    return probability, random.random(N) < probability


def test_brier_is_reliability_less_resolution_plus_uncertainty(right):
    found = figures(*right)
    assert found["brier"] == pytest.approx(
        found["brier_reliability"] - found["brier_resolution"] + found["brier_uncertainty"], abs=1e-12)
    assert found["brier_reliability"] < 0.001
    assert found["brier_resolution"] > 0.01


def test_right_probabilities_have_slope_one_and_an_error_as_a_perfect_model(right):
    found = figures(*right)
    assert found["slope"] == pytest.approx(1, abs=0.05)
    assert found["intercept"] == pytest.approx(0, abs=0.07)
    assert found["ece"] <= found["ece_perfect_p95"] < 0.02


def test_probabilities_too_far_apart_have_a_slope_below_one(right):
    probability, won = right
    odds = (probability / (1 - probability)) ** 2
    assert recalibration(odds / (1 + odds), won)[0] == pytest.approx(0.5, abs=0.03)
    wrong = figures(odds / (1 + odds), won)
    assert wrong["ece"] > wrong["ece_perfect_p95"]


def test_one_rate_for_all_has_no_slope_and_no_resolution():
    won = np.arange(100) < 20
    found = figures(np.full(100, 0.2), won)
    assert np.isnan(found["slope"])
    assert found["average_precision"] == pytest.approx(0.2)
    assert found["auc"] == 0.5


def test_figures_of_one_class_are_nan_where_they_say_nothing():
    found = figures(np.linspace(0.1, 0.4, 30), np.zeros(30, dtype=bool))
    assert np.isnan(found["auc"])
    assert np.isnan(found["slope"])
    assert np.isnan(found["average_precision"])
    assert lift(np.linspace(0.1, 0.4, 30), np.zeros(30, dtype=bool)) == []


def test_a_perfect_models_error_is_larger_where_rows_are_of_the_same_leads():
    probability = np.sort(np.random.default_rng(1).uniform(0.1, 0.3, 1000))  # a lead's rows in one bin
    alone = perfect_errors(probability, np.arange(1000)).mean()
    together = perfect_errors(probability, np.arange(1000) // 5).mean()
    assert together > 1.3 * alone


def test_lift_finds_all_wins_in_all_tenths(right):
    rows = lift(*right)
    assert len(rows) == 10
    assert rows[-1]["found"] == pytest.approx(1)
    assert rows[0]["lift"] > 2 > 1 > rows[-1]["lift"]
    assert sum(row["n"] for row in reliability(*right)) == N
