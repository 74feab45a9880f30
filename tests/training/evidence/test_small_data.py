"""After few outcomes a model does not lose its way."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from features.calendar import parse_as_of
from tests.figures.sets import simulated_history
from tests.figures.small_data import ORIGIN, draw
from tests.running import light_settings
from training import lead_conversion
from training.evidence.learning import as_trained, thinned
from training.evidence.rolling import fit
from training.mixtures import log_odds


def test_after_ten_outcomes_the_model_is_near_the_base_rate_and_the_plain_ones_are_not():
    found = draw(10, False, 0, "tiny")
    loss = found["loss"]
    assert loss["ours"] < 1.05 * loss["base"]
    assert loss["ours"] < loss["naive_bayes"]


def test_no_single_outcome_moves_scores_far_where_few_are_known():
    past, settings = simulated_history("tiny"), light_settings().training
    origin = parse_as_of(ORIGIN, past.mapping.zone)
    task = lead_conversion.task(past.until(origin), origin, settings)
    asked = np.arange(len(task.table.landmarks))[-300:]

    def said(outcomes: int):
        model = fit(thinned(task, origin, outcomes), origin, settings, [], 1)
        return log_odds(as_trained(model, past, task.table.take(asked), task.window_end[asked]))

    moved = [np.abs(more - fewer).mean() for fewer, more in pairwise(map(said, range(1, 8)))]
    assert max(moved) < 0.35
