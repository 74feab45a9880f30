"""After ten outcomes a model does not lose its way."""

from __future__ import annotations

from tests.figures.small_data import draw


def test_after_ten_outcomes_the_model_is_near_the_base_rate_and_the_plain_ones_are_not():
    found = draw(10, 0, "tiny")
    loss = found["loss"]
    assert loss["ours"] < 1.05 * loss["base"]
    assert loss["ours"] < loss["naive_bayes"]
