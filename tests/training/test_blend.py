"""Weights of the blend: the prior where evidence is thin, the better voice where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.settings import load_settings
from training.blend import VOICES, blended, earned_weights, prior_weights

BLEND = load_settings().training.blend


@given(st.integers(0, 1_000_000))
@settings(deadline=None)
def test_prior_weights_sum_to_one_and_leave_the_simple_voices_smoothly(wins):
    one, next_one = prior_weights(wins, BLEND), prior_weights(wins + 1, BLEND)
    assert sum(one.values()) == pytest.approx(1.0)
    assert max(abs(next_one[name] - one[name]) for name in VOICES) < 0.05
    assert next_one["lightgbm"] >= one["lightgbm"] - 1e-12


def test_ten_wins_leave_the_word_to_rates_and_everyone_and_thousands_share_it_equally():
    assert prior_weights(0, BLEND)["pooled"] == 1.0
    few = prior_weights(10, BLEND)
    assert few["rates"] + few["pooled"] > 0.95
    many = prior_weights(5000, BLEND)
    assert many["lightgbm"] == pytest.approx(many["rates"], rel=0.01)
    assert many["logistic"] == pytest.approx(many["rates"], rel=0.01)


def _likelihood(n, best):
    """Voices of which `best` knows the chances of n rows, and the others their mean."""
    random = np.random.default_rng(1)
    chance = random.choice([0.1, 0.4], n)
    happened = random.random(n) < chance
    plain = np.where(happened, 0.25, 0.75)
    return {name: np.where(happened, chance, 1 - chance) if name == best else plain for name in VOICES}


@pytest.mark.parametrize("best", VOICES)
def test_the_voice_that_was_right_is_found(best):
    weights = earned_weights(_likelihood(5000, best), 1.0, prior_weights(200, BLEND), BLEND)
    assert max(weights, key=weights.get) == best
    assert sum(weights.values()) == pytest.approx(1.0)


def test_little_evidence_and_rows_of_the_same_subject_leave_the_prior():
    prior = prior_weights(200, BLEND)
    none = {name: np.empty(0) for name in VOICES}
    assert earned_weights(none, 1.0, prior, BLEND) == pytest.approx(prior, abs=0.03)
    few = earned_weights(_likelihood(8, "logistic"), 1.0, prior, BLEND)
    assert few == pytest.approx(prior, abs=0.15)
    same = earned_weights(_likelihood(5000, "logistic"), 0.001, prior, BLEND)
    assert same["logistic"] < earned_weights(_likelihood(5000, "logistic"), 1.0, prior, BLEND)["logistic"]


def test_a_blend_of_hazards_sums_to_one_and_needs_no_voice_without_weight():
    hazards = {"rates": np.array([[0.9, 0.05, 0.05]]), "pooled": np.array([[0.7, 0.2, 0.1]])}
    mixed = blended(hazards, {"lightgbm": 0.0, "logistic": 0.0, "rates": 0.25, "pooled": 0.75})
    np.testing.assert_allclose(mixed, [[0.75, 0.1625, 0.0875]])
