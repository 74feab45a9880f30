from __future__ import annotations

import numpy as np
import pytest

from training.evidence.distributions import LEVELS
from training.evidence.scoreboard import compare, scoreboard


def _origins(n, rows=50):
    return np.repeat(np.arange(n), rows)


def test_a_clear_gain_over_many_blocks_is_better_and_its_mirror_worse():
    origin = _origins(8)
    random = np.random.default_rng(0)
    ours = random.normal(1.0, 0.3, len(origin))
    found = compare("log_loss", "other", ours, ours + random.normal(0.2, 0.3, len(origin)), origin, origin)
    assert found.low < found.mean < found.high < 0
    assert found.sentence == "better (ahead at 8 of 8)"
    other = compare("log_loss", "other", ours + 0.2, ours, origin, origin)
    assert other.sentence == "worse (ahead at 0 of 8)"


def test_chance_is_no_difference():
    origin = _origins(8)
    random = np.random.default_rng(1)
    ours, theirs = random.normal(1.0, 0.3, (2, len(origin)))
    found = compare("brier", "other", ours, theirs, origin, origin)
    assert found.low < 0 < found.high
    assert found.word == "no difference"


def test_rows_of_one_block_share_their_luck():
    origin = _origins(6)
    block = np.random.default_rng(2).normal(-0.1, 0.2, 6)
    ours = block[origin] + np.random.default_rng(3).normal(0, 0.01, len(origin))
    by_block = compare("brier", "other", ours, np.zeros(len(origin)), origin, origin)
    by_row = compare("brier", "other", ours, np.zeros(len(origin)), origin, np.arange(len(origin)))
    assert by_block.high - by_block.low > 4 * (by_row.high - by_row.low)


@pytest.mark.parametrize(("gains", "sentence"), [
    ([1, 1, 1, 1], "ahead at 4 of 4"), ([1, 1, 1, -1], "ahead at 3 of 4"), ([-1, -1, -1, -1], "behind at 4 of 4"),
    ([1, 1, -1, -1], "no difference (ahead at 2 of 4)"), ([1, 1], "no difference (ahead at 2 of 2)")])
def test_with_few_blocks_it_is_counted_who_was_ahead(gains, sentence):
    origin = _origins(len(gains), 1)
    found = compare("won_count_crps", "other", -np.array(gains, dtype=float), np.zeros(len(gains)), origin, origin // 2)
    assert found.low is None
    assert found.high is None
    assert found.sentence == sentence


def _quarter(origin, amount, calls=5.0, managers=None):
    """A quarter's forecasts without any deal: three are won, each of them worth `amount`."""
    def said(number):
        return {"won_count": {"mean": number, "quantiles": [number] * len(LEVELS)},
                "won_amount": {"mean": number * amount, "quantiles": [number * amount] * len(LEVELS)}}

    nothing = {"deal": [], "said": {}, "came": []}
    return {"origin": origin, "days": 91.0, "deals": {"id": [], "plain": {}}, "resolution": nothing, "win": nothing,
            "amount": nothing, "forecast": {"said": {"model": said(2.0), "last": said(4.0)},
                         "came": {"won_count": 3.0, "won_amount": 3.0 * amount}},
            "kinds": {}, "weeks": [{"week": 1, "model": said(2.0), "people": {"calls": calls, "managers": managers}}]}


@pytest.mark.parametrize("amount", [0.0, 10.0])
def test_amounts_are_compared_only_where_deals_have_any(amount):
    found = {one.score for one in scoreboard([_quarter(origin, amount) for origin in (0, 1)])}
    assert {"won_count_crps", "won_count_interval"} <= found
    assert any(score.startswith("won_amount") for score in found) == (amount > 0)
    assert ("won_amount_called" in found) == (amount > 0)


@pytest.mark.parametrize(("said", "names"), [
    ({"calls": 5.0}, {"the sum of people's calls"}), ({"calls": None, "managers": 6.0}, {"their managers' numbers"}),
    ({"calls": 5.0, "managers": 6.0}, {"the sum of people's calls", "their managers' numbers"})])
def test_who_said_a_number_is_compared_and_who_did_not_is_left_out(said, names):
    board = scoreboard([_quarter(origin, 10.0, **said) for origin in (0, 1)])
    assert {one.method for one in board if one.score == "won_amount_called"} == names
