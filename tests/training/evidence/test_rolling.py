"""No fold sees anything of after its origin: not in its half-life, its calibrator, its rows or its figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.calendar import DAY
from tests.running import light_settings
from tests.training.test_forecast import AS_OF, _company
from training import deal_close
from training.choosing import clearly_best
from training.evidence.rolling import roll
from training.result import silent

# Every origin that there is, so that both histories have the same folds before each.
SETTINGS = light_settings().training.model_copy(update={"origins": 99, "min_wins": 120})


def test_folds_of_a_longer_history_are_those_of_a_shorter_one():
    past = _company(n=600)
    folds = {}
    for end in (AS_OF, AS_OF - 14 * DAY):
        job = deal_close.task(past.until(end), end, SETTINGS)
        job = replace(job, edges_days=np.array([0.0, 1, 3, 7, 14, 28, 63, 91]), cycle_days=30.0)
        folds[end] = {fold.origin: fold for fold in roll(job, end, SETTINGS, silent)}
    shared = set(folds[AS_OF]) & set(folds[AS_OF - 14 * DAY])
    assert len(shared) >= 3
    for origin in shared:
        one, other = (folds[end][origin].model for end in folds)
        assert one.half_life_days == other.half_life_days
        assert one.calibrator == other.calibrator
        assert [booster.model_to_string() for booster in one.boosters] == [
            booster.model_to_string() for booster in other.boosters]
        assert one.boosters


def test_a_half_life_must_earn_its_place_by_more_than_one_subject_or_chance():
    random = np.random.default_rng(0)
    subject = np.repeat(np.arange(400), 3)
    none = random.normal(-1, 0.5, 1200)
    lucky = none + np.where(subject == 7, 5.0, 0.0)
    better = none + random.normal(0.1, 0.5, 1200)
    assert clearly_best({0.0: none, 1.0: lucky}, 0.0, subject) == 0.0
    assert clearly_best({0.0: none, 1.0: lucky, 2.0: better}, 0.0, subject) == 2.0
    assert clearly_best({0.0: none, 2.0: better}, 0.0, np.zeros(1200, dtype=np.int64)) == 0.0  # all said of one lead
