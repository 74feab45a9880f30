"""The logistic hazard finds what was planted, and is the same when it is read again; boosters learn faster of more."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import softmax

from features.settings import load_settings
from training.margins import hazards_of
from training.outcomes import LOST, WON
from training.rows import Rows
from training.voices import SLOW_UP_TO_WINS, Design, Encoder, Logistic, fit_boosters

N, BINS = 6000, 3
ENCODER = Encoder(["stage", "size", "noise"], {"stage": ["Early", "Late"]})


@pytest.fixture(scope="module")
def planted():
    """Landmarks with bins, their true hazards and rows drawn from them: a late stage wins twice as often, size helps
    winning, noise does nothing, and a third of the sizes are missing."""
    random = np.random.default_rng(0)
    encoded = np.stack([random.integers(0, 2, N), random.lognormal(2, 1, N), random.normal(size=N)],
                       axis=1).astype(np.float32)
    size = np.log1p(encoded[:, 1].astype(np.float64))
    encoded[random.random(N) < 1 / 3, 1] = np.nan
    size = np.where(np.isnan(encoded[:, 1]), np.nanmean(size), size)
    margin = np.zeros((N, BINS, 3))
    margin[:, :, WON] = -3 + np.log(2) * encoded[:, :1] + 0.6 * (size - size.mean())[:, None]
    margin[:, :, LOST] = -2 + 0.5 * np.arange(BINS)
    true = softmax(margin, axis=2)
    bins = np.zeros((N, BINS, 5), dtype=np.float32)
    bins[:, :, 0], bins[:, :, 1], bins[:, :, 2], bins[:, :, 4] = np.arange(BINS), 7, 5, np.nan
    label = (random.random((N, BINS, 1)) > np.cumsum(true, axis=2)[:, :, :2]).sum(axis=2)
    open_before = np.cumprod(np.concatenate([np.ones((N, 1)), label[:, :-1] == 0], axis=1), axis=1) > 0
    landmark, position = np.nonzero(open_before)
    return encoded, bins, true, Rows(landmark, position, label[landmark, position])


@pytest.fixture(scope="module")
def fitted(planted):
    encoded, bins, _, rows = planted
    return Logistic.fit(encoded, bins, rows, np.ones(len(rows.label)), Design.learn(encoded, ENCODER, "stage", []), 0.5)


def test_planted_hazards_are_found(planted, fitted):
    encoded, bins, true, _ = planted
    found = fitted.hazards(encoded, bins)
    np.testing.assert_allclose(found.sum(axis=2), 1.0)
    assert np.abs(found - true).mean() < 0.01
    assert np.abs(found - true.mean(axis=0)).mean() > 2 * np.abs(found - true).mean()


def test_a_pull_to_nothing_leaves_the_bins_own_hazards(planted):
    encoded, bins, _, rows = planted
    design = Design.learn(encoded, ENCODER, "stage", [])
    held = Logistic.fit(encoded, bins, rows, np.ones(len(rows.label)), design, 1e-3)
    found = held.hazards(encoded, bins)
    assert found.std(axis=0).max() < 0.01


def test_columns_add_up_to_the_hazards(planted, fitted):
    encoded, bins, _, _ = planted
    some = encoded[:50]
    said = fitted.by_column(some).sum(axis=1)
    margins = fitted.margins_of(said, fitted.design.states(some), fitted.of_bins(bins[:50]))
    np.testing.assert_allclose(hazards_of(margins), fitted.hazards(some, bins[:50]))


def test_written_and_read_again_it_says_the_same_of_levels_never_seen_too(planted, fitted):
    encoded, bins, _, _ = planted
    again = Logistic.from_dict(json.loads(json.dumps(fitted.to_dict())))
    asked = encoded[:20].copy()
    asked[:5, 0], asked[5:10, 0] = np.nan, 2
    np.testing.assert_array_equal(again.hazards(asked, bins[:20]), fitted.hazards(asked, bins[:20]))


def test_what_has_not_happened_yet_is_rare_and_not_impossible(planted):
    encoded, bins, _, rows = planted
    never = Rows(rows.landmark, rows.bin, np.where(rows.label == LOST, 0, rows.label))
    fit = Logistic.fit(encoded, bins, never, np.ones(len(rows.label)), Design.learn(encoded, ENCODER, "stage", []), 0.5)
    lost = fit.hazards(encoded, bins)[:, :, LOST]
    assert 0 < lost.max() < 0.01


def test_what_happens_only_in_the_first_hours_is_not_said_of_later_ones():
    random = np.random.default_rng(1)
    age = np.repeat([0.0, 1.0, 3.0, 14.0], 400)
    label = np.where((age == 0) & (random.random(1600) < 0.4), WON, 0)
    encoder = Encoder(["stage", "age"], {"stage": []})
    encoded = np.stack([np.full(1600, np.nan), age], axis=1).astype(np.float32)
    bins = np.tile(np.array([0, 1, 1, 0, np.nan], dtype=np.float32), (1600, 1, 1))
    rows = Rows(np.arange(1600), np.zeros(1600, dtype=np.int64), label)
    fit = Logistic.fit(encoded, bins, rows, np.ones(1600), Design.learn(encoded, encoder, "stage", ["age"]), 0.2)
    said = fit.hazards(encoded, bins)[:, 0, WON]
    assert said[age == 0].mean() == pytest.approx(0.4, abs=0.04)
    assert said[age > 0].max() < 0.02


def test_boosters_learn_faster_where_more_was_won(planted):
    encoded, bins, _, rows = planted
    won = np.unique(rows.landmark[rows.label == WON])
    matrix = np.concatenate([encoded[rows.landmark], bins[rows.landmark, rows.bin]], axis=1)
    settings = load_settings().training

    def rate(asked: np.ndarray) -> float:
        here = np.isin(rows.landmark, asked)
        booster, = fit_boosters(matrix[here], rows.label[here], np.ones(here.sum()), rows.landmark[here], ENCODER,
                                settings, 1)
        return booster.params["learning_rate"]

    assert len(won) > SLOW_UP_TO_WINS
    assert rate(np.setdiff1d(np.arange(N), won[SLOW_UP_TO_WINS:])) == settings.lightgbm.learning_rate
    assert rate(np.arange(N)) == pytest.approx(settings.lightgbm.learning_rate * (len(won) / SLOW_UP_TO_WINS) ** 0.5)
