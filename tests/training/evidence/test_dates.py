from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.calendar import DAY
from tests.histories import change, history, mapping
from training.curves import Curves
from training.evidence.dates import (
    closing_days,
    kaplan_meier,
    raw_resolution,
    raw_win,
    rep_days,
    resolution_days,
    win_days,
)
from training.evidence.plain_forecasts import Past
from training.hazard import bin_edges

MONDAY = 20_002 * DAY  # 2024-10-07
EDGES = bin_edges(20, 28)


def _even(lose):
    """Won evenly over four weeks with chance 0.4, lost evenly with chance `lose`."""
    share = np.array([0.0, 7, 14, 21, 28, 56]) / 28
    return Curves(np.array([MONDAY]), np.array([0.0, 7, 14, 21, 28, 56]), 0.4 * share[None, :], lose * share[None, :],
                  mapping())


def test_a_win_in_the_period_is_spread_as_the_wins_in_it():
    said = win_days(_even(0.1), 28.0)[0]
    np.testing.assert_allclose(said, [2.8, 14, 25.2], atol=2.1)  # wins lie on business days
    assert win_days(_even(0.1), 14.0)[0, 2] < 14


def test_a_deal_that_outlasts_the_period_counts_as_its_length():
    said = resolution_days(_even(0.1), 28.0)[0]  # half are resolved in the period
    assert said[0] == pytest.approx(5.6, abs=1.1)
    assert said[2] == 28.0
    assert closing_days(np.array([0]), np.array([np.iinfo(np.int64).max]), 28.0) == [28.0]


def _past():
    """A deal a day; won after 10 days, lost after 5, or open for 100, in turn."""
    deals = {f"d{i:03d}": float(i) for i in range(300)}
    ends = [("Won", 10.0), ("Lost", 5.0), ("Lost", 100.0)]
    changes = [row for i, (name, day) in enumerate(deals.items()) for row in (
        change(name, "stage", "Talk", day), change(name, "stage", ends[i % 3][0], day + ends[i % 3][1]))]
    return Past.at_origin(history(deals=deals, changes=changes), 280 * DAY, 28.0, EDGES, np.ones((len(EDGES) - 1, 3)))


def test_quantiles_of_earlier_deals_are_of_their_stage_and_cut_at_the_period():
    past = _past()
    asked = pd.Series(["Talk", "Unseen"])
    rows = past.over(past.origin)
    came = closing_days(past.at, past.when, 28.0)[rows]
    np.testing.assert_allclose(raw_resolution(past, asked)[0], np.quantile(came, [0.1, 0.5, 0.9]))
    np.testing.assert_allclose(raw_resolution(past, asked)[1], np.quantile(came, [0.1, 0.5, 0.9]))
    assert raw_win(past, asked)[0, 2] <= 10.0


def test_kaplan_meier_without_losses_is_the_share_that_was_won():
    deals = {f"d{i:02d}": 0.0 for i in range(40)}
    changes = [row for i, name in enumerate(deals) for row in (
        change(name, "stage", "Talk", 0.0), change(name, "stage", "Won", 1.0 + i / 2))]
    past = Past.at_origin(history(deals=deals, changes=changes), 28 * DAY, 28.0, EDGES, np.ones((len(EDGES) - 1, 3)))
    alone = past.at == 0
    said = kaplan_meier(past, pd.Series(["Talk"]))[0]
    gone = np.sort((past.when - past.at)[past.at < past.origin] / DAY)
    assert alone.any()
    np.testing.assert_allclose(said, np.quantile(gone, [0.1, 0.5, 0.9], method="inverted_cdf"), atol=0.5)


def test_a_reps_date_has_no_width_and_none_lies_outside_the_period():
    said = rep_days(np.array([MONDAY + 3 * DAY, MONDAY - DAY, np.nan], dtype=float), MONDAY, 28.0)
    assert said.tolist() == [[3.0] * 3, [0.0] * 3, [28.0] * 3]
