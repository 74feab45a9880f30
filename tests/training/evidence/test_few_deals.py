"""A small version of the figure on few deals: twelve have closed, and the model does not lose its way."""

from __future__ import annotations

import numpy as np
import pytest

from features.calendar import parse_as_of
from tests.figures.few_deals import AGAINST, ORIGINS, SHARES, drawn, kept
from tests.figures.sets import simulated_history
from tests.running import judged_settings
from training.outcomes import OPEN, outcomes

DRAWS = range(4)


@pytest.fixture(scope="module")
def found():
    return [drawn("simulated", "tiny", 12, draw, judged_settings()) for draw in DRAWS]


def test_after_twelve_deals_the_forecast_is_nearer_than_a_stage_weighted_one_and_not_far_from_rates(found):
    crps = {who: np.mean([one["crps"][who] for one in found]) for who in ("model", *AGAINST)}
    assert crps["model"] < crps["stage_weighted"]
    assert crps["model"] < 2 * min(crps.values())


def test_after_twelve_deals_log_loss_is_not_worse_than_that_of_stage_rates_beyond_noise(found):
    told = [one["loss"] for one in found if one["loss"]["model"] is not None]
    difference = np.array([one["model"] - one["stage"] for one in told])
    assert len(told) >= 2
    assert difference.mean() < 2 * difference.std(ddof=1) / np.sqrt(len(told)) + 0.05


def test_wider_ranges_hold_whatever_narrower_ones_do_and_most_hold(found):
    held = np.array([[one["held"][share] for share in SHARES] for one in found])
    assert (np.diff(held.astype(int), axis=1) >= 0).all()
    assert held[:, -1].mean() >= 0.75


def test_a_draw_has_as_many_closed_deals_as_asked_for_and_draws_differ():
    whole = simulated_history("tiny")
    origin = parse_as_of(ORIGINS["simulated"][0], whole.mapping.zone)
    draws = [kept(whole, origin, 12, draw) for draw in DRAWS]
    for few in draws:
        _, state, _, _ = outcomes(few, "deal").known_at(origin).endings.last
        assert (state != OPEN).sum() == 12
        assert set(few.tables["changes"]["subject_id"]) <= set(few.deals.ids)
    assert len({frozenset(few.deals.ids) for few in draws}) == len(draws)
