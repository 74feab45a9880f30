"""Ranges that adapt to past misses, as the figure puts them on top of the forecast's own."""

from __future__ import annotations

import numpy as np
import pytest

from tests.figures.widths import adapted

QUANTILES = np.linspace(80.0, 120.0, 39)
HIT, MISS = (90.0, 100.0, 110.0, 101.0), (90.0, 100.0, 110.0, 130.0)


def spread(before: list[tuple[float, float, float, float]]) -> float:
    found = adapted(QUANTILES, before, 0.1)
    assert found[19] == pytest.approx(QUANTILES[19])
    assert (np.diff(found) >= 0).all()
    return float(found[-1] - found[0])


def test_without_a_past_nothing_changes():
    assert adapted(QUANTILES, [], 0.1) == pytest.approx(QUANTILES)


def test_a_miss_widens_by_as_much_as_four_hits_narrow():
    assert spread([HIT]) < spread([]) < spread([MISS])
    assert spread([MISS, HIT, HIT, HIT, HIT]) == pytest.approx(spread([]))


def test_as_many_hold_in_the_long_run_as_are_meant_to():
    rng = np.random.default_rng(1)
    before: list[tuple[float, float, float, float]] = []
    held = []
    narrow = np.exp(np.log(100.0) + 0.1 * np.linspace(-2, 2, 39))  # three times too much so
    for _ in range(300):
        came = float(np.exp(rng.normal(np.log(100.0), 0.3)))
        low, high = adapted(narrow, before, 0.1)[[3, 35]]
        held.append(low <= came <= high)
        before.append((*narrow[[3, 19, 35]].tolist(), came))
    assert np.mean(held) == pytest.approx(0.8, abs=0.05)
