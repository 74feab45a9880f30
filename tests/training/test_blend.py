"""Weights of the blend: the prior where evidence is thin, the better voice where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from features.settings import load_settings
from training.blend import VOICES, blended, earned_weights, learned_stretch, prior_weights, stretched
from training.margins import margins_of
from training.outcomes import WON

BLEND = load_settings().training.blend


@given(st.integers(0, 1_000_000))
@settings(deadline=None)
def test_prior_weights_sum_to_one_and_leave_the_simple_voices_smoothly(wins):
    one, next_one = prior_weights(wins, BLEND), prior_weights(wins + 1, BLEND)
    assert sum(one.values()) == pytest.approx(1.0)
    # What rates are trusted with is no jump: with so few wins their cells hardly differ from everyone's.
    assert max(abs(next_one[name] - one[name]) for name in ("lightgbm", "logistic")) < 0.05
    assert next_one["lightgbm"] >= one["lightgbm"] - 1e-12


def test_ten_wins_leave_the_word_to_rates_and_everyone_and_thousands_share_it_equally():
    assert prior_weights(0, BLEND)["pooled"] == 1.0
    few = prior_weights(10, BLEND)
    assert few["rates"] + few["pooled"] > 0.95
    many = prior_weights(5000, BLEND)
    assert many["lightgbm"] == pytest.approx(many["rates"], rel=0.01)
    assert many["logistic"] == pytest.approx(many["rates"], rel=0.01)


def _hazards(n, best, spread=1.0):
    """Voices of which `best` knows the chances of n rows, and the others their mean: (hazards, what happened).
    `spread` : of the log-odds that it says, 1 for the true ones."""
    random = np.random.default_rng(1)
    chance = random.choice([0.1, 0.4], n)
    label = np.where(random.random(n) < chance, WON, 0)
    said = expit(logit(0.25) + spread * (logit(chance) - logit(0.25)))

    def three(won):
        return np.stack([0.95 - 0.95 * won, 0.95 * won, np.full(len(won), 0.05)], axis=1)

    return {name: three(said if name == best else np.full(n, 0.25)) for name in VOICES}, label


@pytest.mark.parametrize("best", ["lightgbm", "logistic", "rates"])
def test_the_voice_that_was_right_is_found(best):
    weights = earned_weights(*_hazards(5000, best), 1.0, prior_weights(200, BLEND), BLEND)
    assert max(weights, key=weights.get) == best
    assert weights[best] == pytest.approx(1.0, abs=0.1)
    assert sum(weights.values()) == pytest.approx(1.0)


def test_voices_that_tell_nothing_leave_the_word_to_everyone():
    hazards, label = _hazards(5000, "rates")
    nothing = {**hazards, "rates": hazards["rates"][np.random.default_rng(2).permutation(len(label))]}
    weights = earned_weights(nothing, label, 1.0, prior_weights(200, BLEND), BLEND)
    assert weights["rates"] < 0.1


@pytest.mark.parametrize("spread", [0.7, 1.0, 1.4])
def test_a_blend_that_is_too_timid_or_too_bold_is_set_right(spread):
    hazards, label = _hazards(5000, "lightgbm", spread)
    everyone, said = (margins_of(hazards[name])[:, None] for name in ("pooled", "lightgbm"))

    def learned(row_weight):
        return learned_stretch(everyone, said - everyone, np.zeros(len(label), dtype=int), label == WON, row_weight,
                               BLEND)

    assert learned(1.0) == pytest.approx(1.0 / spread, abs=0.15)
    assert learned(0.0) == pytest.approx(1.0, abs=0.02)


def test_stretched_weights_still_add_up_to_one():
    weights = stretched({"lightgbm": 0.6, "logistic": 0.0, "rates": 0.4, "pooled": 0.0}, 1.2)
    assert weights == {"lightgbm": 0.72, "logistic": 0.0, "rates": 0.48, "pooled": -0.2}


def test_little_evidence_and_rows_of_the_same_subject_leave_the_prior():
    prior = prior_weights(200, BLEND)
    none = {name: np.empty((0, 3)) for name in VOICES}
    assert earned_weights(none, np.empty(0, dtype=int), 1.0, prior, BLEND) == pytest.approx(prior, abs=0.001)
    few = earned_weights(*_hazards(8, "logistic"), 1.0, prior, BLEND)
    assert few == pytest.approx(prior, abs=0.15)
    same = earned_weights(*_hazards(5000, "logistic"), 0.001, prior, BLEND)
    assert same["logistic"] < earned_weights(*_hazards(5000, "logistic"), 1.0, prior, BLEND)["logistic"]


def test_a_blend_of_hazards_sums_to_one_and_needs_no_voice_without_weight():
    hazards = {"rates": np.array([[0.9, 0.05, 0.05]]), "pooled": np.array([[0.7, 0.2, 0.1]])}
    mixed = blended(hazards, {"lightgbm": 0.0, "logistic": 0.0, "rates": 0.5, "pooled": 0.5})
    whole = np.sqrt([0.63, 0.01, 0.005])
    np.testing.assert_allclose(mixed, [whole / whole.sum()])
    alone = blended(hazards, {"lightgbm": 0.0, "logistic": 0.0, "rates": 1.0, "pooled": 0.0})
    np.testing.assert_allclose(alone, hazards["rates"])
