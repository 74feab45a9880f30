"""A small version of the figures on the real pipeline: one Monday, by what was known then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.figures import bpic2012 as figures


@pytest.fixture(scope="module")
def monday(bpic2012: Path):
    return figures.deals_at("2012-01-16")["row"]


def test_deals_of_the_real_pipeline_are_scored_better_than_by_rates(monday):
    assert monday["n"] == 820
    assert monday["log_loss"] <= 0.52
    assert monday["auc"] >= 0.76
    assert monday["log_loss"] < monday["log_loss_aj"] < monday["log_loss_stage"] < monday["log_loss_base"]


def test_forecast_of_the_real_pipeline_holds_what_then_came(monday):
    assert 0.8 < monday["won_count_mean"] / monday["won_count_actual"] < 1.25
    assert monday["won_count_p10"] < monday["won_count_mean"] < monday["won_count_p90"]
    assert monday["won_amount_p10"] < monday["won_amount_mean"] < monday["won_amount_p90"]
