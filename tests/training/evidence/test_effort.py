"""Shares reached and needed agree with every random order tried out; differences are paired and claim no more than
they can."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest

from features.calendar import DAY
from training.evidence.effort import Case, effort, in_words, needed, reached


def by_hand(points: list[float], won: list[bool], share: float) -> tuple[float, float]:
    """Means over all orders of the leads that keep points falling."""
    reach, need = [], []
    for order in permutations(range(len(points))):
        if all(points[a] >= points[b] for a, b in pairwise(order)):
            got = np.cumsum([won[i] for i in order])
            reach.append(got[round(share * len(points)) - 1] / sum(won))
            need.append((int(np.searchsorted(got, np.ceil(share * sum(won)))) + 1) / len(points))
    return float(np.mean(reach)), float(np.mean(need))


@pytest.mark.parametrize(("points", "won"), [
    ([6, 5, 4, 3, 2, 1], [True, False, True, False, False, True]),
    ([0, 0, 0, 0, 0, 0], [True, False, True, False, False, True]),
    ([2, 2, 2, 1, 1, 1], [False, True, False, True, False, True]),
    ([1, 2, 1, 2, 1, 2], [True, True, False, False, True, False])])
@pytest.mark.parametrize("share", [1 / 6, 0.5, 5 / 6])
def test_ties_are_expectations_over_every_order(points: list[float], won: list[bool], share: float) -> None:
    reach, need = by_hand(points, won, share)
    assert reached(np.array(points, dtype=float), np.array(won), share) == pytest.approx(reach)
    assert needed(np.array(points, dtype=float), np.array(won), share) == pytest.approx(need)


def test_a_random_order_reaches_the_share_that_is_worked_and_no_conversion_gives_no_figure() -> None:
    won = np.array([True, False, False, False, True, False, False])
    assert reached(np.zeros(7), won, 0.3) == pytest.approx(0.3)
    assert reached(np.zeros(7), won * np.arange(7.0), 0.3) == pytest.approx(0.3)
    assert np.isnan(reached(np.zeros(7), np.zeros(7, dtype=bool), 0.3))
    assert np.isnan(needed(np.zeros(7), np.zeros(7, dtype=bool), 0.5))


def cases(n_origins: int, every_days: int, skill: float, seed: int = 0) -> list[Case]:
    random = np.random.default_rng(seed)
    found = []
    for i in range(n_origins):
        won = random.random(400) < 0.2
        points = {"model": skill * won + random.normal(size=400), "random": np.zeros(400)}
        band = np.where(random.random(400) < 0.3, "high", "low").astype(object)
        found.append(Case(i * every_days * DAY, points, won, np.ones(400), band))
    return found


def test_skill_is_claimed_where_there_is_some_and_enough_time_to_see_it() -> None:
    bands = effort(cases(6, 91, skill=1.0), 90)
    assert [one["band"] for one in bands] == ["all", "high", "low"]
    assert sum(one["leads"] for one in bands[1:]) == bands[0]["leads"] == 2400
    compared = bands[0]["against"]["random"]
    assert {one["verdict"] for one in compared.values()} == {"better"}
    assert compared["needed_50"]["difference"] < 0 < compared["needed_50"]["gain"]
    few = effort(cases(6, 14, skill=1.0), 90)[0]["against"]["random"]["reached_20"]
    assert (few["verdict"], few["lower"], few["better"], few["of"]) == ("only counted", None, 6, 6)
    fewer = effort(cases(4, 14, skill=1.0), 90)[0]["against"]["random"]["reached_20"]
    assert (fewer["verdict"], fewer["better"], fewer["of"]) == ("too few to tell", 4, 4)
    assert in_words(fewer).endswith("(better at 4 of 4 dates: too few to tell)")


def test_no_skill_is_claimed_where_there_is_none() -> None:
    claims = [effort(cases(6, 91, skill=0.0, seed=seed), 90)[0]["against"]["random"]["reached_20"]["verdict"]
              for seed in range(20)]
    assert claims.count("no difference") >= 16


def test_an_origin_without_conversions_is_left_out() -> None:
    one = cases(1, 91, 1.0)[0]
    none = Case(91 * DAY, one.points, np.zeros(400, dtype=bool), one.amount, one.band)
    bands = effort([one, none], 90)
    assert bands[0]["origins"] == 1
    assert bands[0]["leads"] == 800
    assert effort([none], 90)[0]["orders"] == {}
    assert effort([], 90)[0]["leads"] == 0
