"""A small version of the figure on quarters: one company, one quarter, and everybody who says a number of it."""

from __future__ import annotations

import numpy as np
import pytest

from features.home import Home
from simulation.futures import drawn
from simulation.manifest import remake
from simulation.past import stream
from tests.figures.quarters import MEASURES, WORDS, rows, said
from tests.figures.sets import simulated
from tests.running import light_settings
from training.evidence.distributions import LEVELS


@pytest.fixture(scope="module")
def quarter():
    with simulated("tiny") as (made, folder):
        last = drawn(remake(made.truth_folder)[2], 100, stream(1, "oracle"), 1)[0]
        return {"recession": False, **said(Home.open(folder).history(), last, light_settings())}


def one_more(quarter):
    """One more came than did: the oracle was exactly right, and nothing can be told in parts of an error of none."""
    won = quarter["won"]
    return {**quarter, "won": {**won, "came": won["came"] + 1, "true": won["true"] + 1}}


def test_the_oracle_dealcast_and_every_plain_method_say_what_was_asked(quarter):
    for key in MEASURES:
        assert set(WORDS) <= set(quarter[key])
        for who in WORDS:
            quantiles = np.array(quarter[key][who])
            assert quantiles.shape == LEVELS.shape
            assert np.isfinite(quantiles).all()
            assert (np.diff(quantiles) >= 0).all()
            assert quantiles[0] >= 0
        spread = np.array(quarter[key]["model"])[[0, -1]]
        assert spread[0] < spread[1]
    assert quarter["won"]["came"] == pytest.approx(quarter["won"]["true"], abs=2)  # the export may be a day off


def test_people_called_the_quarter_and_the_export_tells_what_they_said(quarter):
    called = quarter["called"]
    assert {"model", "calls", "managers"} <= set(called)
    assert len(set(called["calls"])) == 1
    assert called["calls"][0] > 0
    assert called["came"] > 0


def test_the_table_has_a_row_for_each_with_errors_that_are_numbers_and_ranges_that_are_counted(quarter):
    other = one_more(quarter)
    lines = [[cell.strip() for cell in line.strip("|").split("|")]
             for line in rows({4: [[other]]}).splitlines() if line.startswith("|")]
    told = [line for line in lines if len(line) == 11][2:]
    assert [line[4] for line in told] == [*WORDS.values()] * len(MEASURES)
    for line in told:
        assert np.isfinite([float(cell.rstrip("%")) for cell in line[5:]]).all()
        assert line[9] in ("0%", "100%")  # one quarter is inside or is not
    oracle = told[0]
    assert (float(oracle[6]), float(oracle[7]), float(oracle[10])) == (1, 1, 1)
    beside = [line for line in lines if len(line) == 8][2:]
    assert [line[3] for line in beside] == ["dealcast", "the people's calls", "their managers' numbers"]
    assert beside[0][4].endswith("%")
    assert beside[1][7].endswith("of 1")


def test_what_the_oracle_expects_tells_who_is_farther_off_whatever_came(quarter):
    quarter = one_more(quarter)
    won = quarter["won"]
    double = {**quarter, "won": {**won, "model": [2 * one for one in won["model"]], "came": 2 * won["came"]}}
    told = [[cell.strip() for cell in rows({4: [[one]]}).splitlines()[3].strip("|").split("|")]
            for one in (quarter, double)]
    assert [line[4] for line in told] == ["dealcast"] * 2
    assert float(told[1][7]) > float(told[0][7])
