from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.calendar import DAY
from tests.histories import mapping
from training.curves import curves_from_hazards

EDGES = np.array([0.0, 1, 3, 7, 14, 28])
rates = arrays(np.float64, (4, 5, 2), elements=st.floats(0.0, 0.45))
AT = np.array([4, 5, 6, 7]) * DAY + 3_600_000_000


def _curves(rates):
    hazards = np.concatenate([1 - rates.sum(axis=2, keepdims=True), rates], axis=2)
    return curves_from_hazards(AT, EDGES, hazards, mapping())


@given(rates)
@settings(max_examples=60, deadline=None)
def test_curves_rise_and_sum_to_one_at_any_time(rates):
    curves = _curves(rates)
    before = np.zeros(4), np.zeros(4)
    for day in np.linspace(0, 30, 61):
        moment = AT + int(day * DAY)
        win, lose, still_open = curves.win_by(moment), curves.lose_by(moment), curves.open_at(moment)
        np.testing.assert_allclose(win + lose + still_open, 1.0, atol=1e-12)
        assert (win >= before[0] - 1e-12).all()
        assert (lose >= before[1] - 1e-12).all()
        before = win, lose


@given(rates, st.sampled_from([0.1, 0.5, 0.9]))
@settings(max_examples=60, deadline=None)
def test_quantiles_are_the_inverse_of_the_curves(rates, level):
    curves = _curves(rates)
    moment = curves.win_quantile(level)
    has = moment >= 0
    assert (has == (curves.win[:, -1] > 1e-9)).all()
    reached = curves.win_by(np.where(has, moment, AT))
    assert (reached[has] >= level * curves.win[has, -1] - 1e-9).all()
    earlier = curves.win_by(np.where(has, moment - 2_000_000, AT))
    assert (earlier[has] <= level * curves.win[has, -1] + 1e-9).all()
    ended = curves.end_quantile(level)
    assert ((ended >= 0) == (curves.win[:, -1] + curves.lose[:, -1] >= level)).all()


def test_wins_come_on_business_days_and_losses_on_any():
    rates = np.zeros((1, 5, 2))
    rates[0, 3] = [0.5, 0.4]
    hazards = np.concatenate([1 - rates.sum(axis=2, keepdims=True), rates], axis=2)
    thursday = np.array([0])  # 1970-01-01; the bin from day 7 to 14 starts on Thursday the 8th
    curves = curves_from_hazards(thursday, EDGES, hazards, mapping())
    saturday, monday = 9 * DAY, 11 * DAY  # 00:00 of the 10th and of the 12th
    assert curves.win_by(saturday)[0] == curves.win_by(monday)[0] == 0.5 * 2 / 5
    np.testing.assert_allclose([curves.lose_by(saturday)[0], curves.lose_by(monday)[0]], [0.4 * 2 / 7, 0.4 * 4 / 7])
