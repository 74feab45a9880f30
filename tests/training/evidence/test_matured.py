"""Plain models learn from closed windows only, and say what their recipes say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.calendar import DAY
from features.settings import load_settings
from tests.training.test_deal_close import _leads
from training import lead_conversion
from training.evidence.matured import PLAIN_MODELS, Past, fit_plain, past_at
from training.hazard import LandmarkTable
from training.outcomes import Landmarks

SETTINGS = load_settings().training


def _past(source, won, number=None):
    n = len(won)
    features = pd.DataFrame({"status": pd.Series(["New"] * n, dtype=object), "source": pd.Series(source, dtype=object),
                             "days_in_status": np.zeros(n) if number is None else number, "lead_age_days": np.zeros(n)})
    return Past("lead", LandmarkTable(Landmarks(np.arange(n), np.arange(n)), features), np.asarray(won, dtype=bool))


def _pooled(table):
    return np.full(len(table.landmarks), 0.17)


def test_naive_bayes_is_the_product_of_smoothed_shares():
    past = _past(["web"] * 6 + ["fair"] * 4, [True] * 3 + [False] * 3 + [True] + [False] * 3)
    said = fit_plain(past, SETTINGS, _pooled)["naive_bayes"](past.table.take(np.array([0, 9])))
    for probability, won, other in zip(said, (3.1, 1.1), (3.1, 3.1), strict=True):
        odds = 4 / 6 * (won / 4.2) / (other / 6.2)  # every lead is New, so the status says nothing
        assert probability == pytest.approx(odds / (1 + odds))


def test_a_level_never_seen_and_a_missing_one_get_the_rate():
    past = _past(["web"] * 6 + ["fair"] * 4, [True] * 3 + [False] * 3 + [True] + [False] * 3)
    table = past.table.take(np.array([0, 0]))
    table.features["source"] = pd.Series(["radio", None], dtype=object)
    assert fit_plain(past, SETTINGS, _pooled)["naive_bayes"](table) == pytest.approx([0.4, 0.4])


def test_regressions_learn_a_number_and_rates_do_not():
    random = np.random.default_rng(0)
    number = random.exponential(10, 3000)
    won = random.random(3000) < 1 / (1 + number / 4)
    past = _past(["web"] * 3000, won, number)
    models = fit_plain(past, SETTINGS, _pooled)
    asked = past.table.take(np.array([int(number.argmin()), int(number.argmax())]))
    for name in PLAIN_MODELS:
        low, high = models[name](asked)
        assert (low > 3 * high) if name in ("logistic", "lightgbm") else (low == pytest.approx(high))


@pytest.mark.parametrize("won", [[False] * 20, [True] * 20, []])
def test_without_both_outcomes_every_plain_model_says_the_pooled_rate(won):
    past = _past(["web"] * len(won), won)
    asked = _past(["web"], [True]).table
    assert [float(predict(asked)[0]) for predict in fit_plain(past, SETTINGS, _pooled).values()] == pytest.approx(
        [0.17] * len(PLAIN_MODELS))


def test_only_windows_that_had_closed_count():
    past, origin = _leads(), 300 * DAY
    task = lead_conversion.task(past.until(400 * DAY), 400 * DAY, SETTINGS)
    found = past_at(task, origin)
    end = lead_conversion.window_end(past, found.table.landmarks.subject, found.table.landmarks.at)
    assert end.max() <= origin
    assert (np.diff(end) >= 0).all()
    shorter = past_at(lead_conversion.task(past.until(origin), origin, SETTINGS), origin)
    assert shorter.won.tolist() == found.won.tolist()
    pd.testing.assert_frame_equal(shorter.table.features, found.table.features)
