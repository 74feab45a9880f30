"""How much one field tells of an outcome, and how sure that is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from features.checking.skill import LEAST_OF_EACH, classes_of, solo_skill

RNG = np.random.default_rng(5)
SAME_TIME = np.zeros(2000, dtype=np.int64)


def test_of_one_time_the_skill_is_the_area_under_the_curve() -> None:
    good = RNG.random(2000) < 0.3
    value = RNG.integers(0, 4, 2000) + 2 * good
    skill = solo_skill(classes_of(value.astype(np.float64)), good, SAME_TIME)
    assert skill is not None
    rates = [good[value == one].mean() for one in value]
    assert skill.auc == pytest.approx(roc_auc_score(good, rates), abs=0.01)
    assert skill.auc - 0.05 < skill.lower < skill.auc


def test_a_field_that_tells_nothing_stays_near_half_and_its_bound_below() -> None:
    good = RNG.random(2000) < 0.2
    found = [solo_skill(classes_of(RNG.random(2000)), good, SAME_TIME) for _ in range(20)]
    assert all(one is not None and 0.44 < one.auc < 0.56 and one.lower < 0.52 for one in found)


def test_many_rare_words_tell_nothing_although_each_had_one_outcome() -> None:
    names = np.array([f"company {i // 2}" for i in range(2000)], dtype=object)
    good = RNG.random(2000) < 0.5
    skill = solo_skill(classes_of(names), good, SAME_TIME)
    assert skill is not None
    assert skill.auc < 0.56


def test_what_moves_with_the_years_has_no_skill_among_subjects_of_one_time() -> None:
    moment = np.arange(4000)
    good = RNG.random(4000) < 0.02 + 0.7 * moment / 4000
    rate, knows = moment // 400, good * 2.0 + RNG.random(4000) * 3
    drift = solo_skill(classes_of(rate.astype(np.float64)), good, moment)
    leak = solo_skill(classes_of(knows), good, moment)
    assert drift is not None
    assert leak is not None
    assert roc_auc_score(good, rate) > 0.7
    assert drift.auc < 0.6
    assert leak.auc > 0.8


def test_the_order_of_a_number_does_not_matter() -> None:
    good = RNG.random(2000) < 0.5
    middle = np.where(good, RNG.normal(0, 0.3, 2000), RNG.choice([-3.0, 3.0], 2000))
    skill = solo_skill(classes_of(middle), good, SAME_TIME)
    assert skill is not None
    assert skill.auc > 0.98


def test_a_frequent_number_and_an_empty_cell_are_classes_of_their_own() -> None:
    values = np.concatenate([np.zeros(500), np.full(500, np.nan), RNG.random(1000) + 0.001])
    classes = classes_of(values)
    assert len(set(classes[:500])) == 1
    assert len(set(classes[500:1000])) == 1
    assert not {classes[0], classes[500]} & set(classes[1000:])


@pytest.mark.parametrize("wins", [0, LEAST_OF_EACH - 1])
def test_too_few_ends_of_a_kind_give_no_figure(wins: int) -> None:
    good = np.arange(2000) < wins
    assert solo_skill(classes_of(RNG.random(2000)), good, SAME_TIME) is None


def test_perfect_order_of_a_few_is_less_sure_than_of_many() -> None:
    bounds = []
    for n in (24, 2000):
        good = np.arange(n) % 2 == 0
        skill = solo_skill(classes_of(good.astype(np.float64)), good, np.zeros(n, dtype=np.int64))
        assert skill is not None
        assert skill.auc == pytest.approx(1)
        bounds.append(skill.lower)
    assert bounds[0] < bounds[1] < 1
