"""Intervals cover what they say and narrow with what is known; what is strange is found, what is ordinary is not."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from features.settings import Prior
from training.certainty import Certainty, Familiar, interval, learn_certainty, learn_familiar, unlike

PRIOR = Prior(won=0.1, lost=0.4, days=30, subjects=10)


@dataclass
class Model:
    certainty: Certainty = field(default_factory=lambda: Certainty.unknown())
    familiar: Familiar = field(default_factory=lambda: Familiar.nothing())


@dataclass
class Asked:
    probability: np.ndarray
    won: np.ndarray


def _width(certainty, probability=0.2):
    low, high = interval(Model(certainty), np.array([probability]))
    assert low[0] < probability < high[0]
    return float(logit(high[0]) - logit(low[0]))


SAID = expit(np.random.default_rng(0).normal(logit(0.2), 0.5, size=500))


def test_intervals_narrow_with_what_was_learned_from():
    widths = [_width(learn_certainty(SAID, wins, 0.8, PRIOR, 0.0)) for wins in (0, 10, 30, 100, 1000)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 2.5  # from 6% to 48%, say
    assert widths[-1] < 0.3
    assert _width(learn_certainty(np.empty(0), 0, 0.0, PRIOR, 0.0), 0.1) == pytest.approx(widths[0], rel=0.3)


def test_scores_far_from_the_mean_are_surer_where_the_fields_are_listened_to():
    sure, unsure = (learn_certainty(SAID, 100, heard, PRIOR, 0.0) for heard in (0.9, 0.2))
    assert _width(sure, 0.2) == pytest.approx(_width(unsure, 0.2), rel=0.1)
    assert _width(unsure, 0.4) > 1.5 * _width(sure, 0.4) > 1.5 * _width(sure, 0.2)


def test_a_level_that_moves_on_is_part_of_the_width_however_much_was_learned_from():
    still, moving = (_width(learn_certainty(SAID, 100_000, 0.8, PRIOR, moves)) for moves in (0.0, 0.04))
    assert still < 0.1
    assert moving == pytest.approx(2 * 1.2816 * 0.2, rel=0.05)


@pytest.mark.parametrize("wins", [10, 30, 100])
def test_the_interval_of_a_rate_covers_it_four_times_in_five(wins):
    random = np.random.default_rng(wins)
    covered = []
    for truth in random.beta(1, 9, size=2000):  # as the prior has it
        others = random.negative_binomial(wins, truth)
        said = np.array([(wins + 1) / (wins + others + 10)])
        low, high = interval(Model(learn_certainty(said, wins, 0.5, PRIOR, 0.0)), said)
        covered.append(low[0] <= truth <= high[0])
    assert 0.75 < np.mean(covered) < 0.85


def test_intervals_widen_where_scores_were_off_at_earlier_origins_and_narrow_where_they_were_better():
    random = np.random.default_rng(0)
    truth = expit(random.normal(-1.5, 0.7, size=(4, 2000)))
    right = [Asked(one, random.random(len(one)) < one) for one in truth]
    off = [Asked(expit(logit(one) + shift), random.random(len(one)) < one)
           for one, shift in zip(truth, (0.8, -0.8, 0.6, -0.7), strict=True)]
    none = learn_certainty(SAID, 200, 0.6, PRIOR, 0.0)
    good, bad = none.judged(right), none.judged(off)
    assert good.scale < none.scale == none.judged([]).scale == 1.0 < bad.scale
    low, high = interval(Model(bad), off[0].probability)
    assert np.mean((low <= truth[0]) & (truth[0] <= high)) > 0.5


def _ordinary(n, seed):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({f"number_{i}": random.normal(size=n) for i in range(12)})
    frame["text"] = pd.Series(random.choice(["Web", "Fair", None], size=n), dtype=object)
    return frame


def _hashes(n):
    return pd.util.hash_array(np.arange(n))


def test_outliers_are_unlike_and_about_the_stated_share_of_the_ordinary():
    model = Model(familiar=learn_familiar(_ordinary(3000, 0), _hashes(3000), 0.02))
    assert unlike(model, _ordinary(3000, 1)).mean() <= 0.02
    strange = _ordinary(50, 2)
    strange[[f"number_{i}" for i in range(4)]] += 40.0
    strange["text"] = "Never seen"
    assert unlike(model, strange).all()


def test_a_share_of_the_ordinary_is_unlike_where_many_facts_vary():
    random = np.random.default_rng(0)
    few = pd.DataFrame(random.normal(size=(200, 60)), columns=[f"n{i}" for i in range(60)])
    model = Model(familiar=learn_familiar(few, _hashes(200), 0.1))
    new = pd.DataFrame(random.normal(size=(3000, 60)), columns=few.columns)
    assert 0.01 < unlike(model, new).mean() < 0.13


def test_what_was_never_missing_is_strange_when_it_is():
    frame = _ordinary(500, 0)
    model = Model(familiar=learn_familiar(frame, _hashes(500), 0.01))
    gone = _ordinary(5, 1)
    gone[[f"number_{i}" for i in range(12)]] = np.nan
    gone["text"] = None  # as it often was
    assert model.familiar.strange(gone).tolist() == [12] * 5


def test_what_was_not_recorded_when_others_closed_is_not_strange():
    frame = _ordinary(500, 0)
    frame["text"], frame["changes"] = None, 0.0
    model = Model(familiar=learn_familiar(frame, _hashes(500), 0.01))
    new = frame.head(5).assign(text="Talk", changes=1.0)
    assert model.familiar.strange(new).tolist() == [0] * 5


def test_before_anything_has_closed_everything_is_unlike():
    model = Model(familiar=learn_familiar(_ordinary(0, 0), _hashes(0), 0.02))
    assert unlike(model, _ordinary(3, 1)).all()


def test_both_are_stored_as_they_are():
    certainty = learn_certainty(SAID, 30, 0.3, PRIOR, 0.0)
    assert Certainty.from_dict(certainty.to_dict()) == certainty
    familiar = learn_familiar(_ordinary(100, 0), _hashes(100), 0.02)
    assert Familiar.from_dict(familiar.to_dict()) == familiar
