"""The level follows what was known by a moment, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from features.calendar import DAY
from features.mapping import parse_mapping
from features.settings import LevelSettings
from tests.histories import MAPPING, change, history
from training.calibration import shift_hazards
from training.level import LevelRule, Past, choose_level, level_offsets
from training.outcomes import LEAD_AGES_DAYS, Landmarks, outcomes
from training.rows import landmark_table

EDGES = np.array([0.0, 1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 60])
WIN, LOSE = 0.02, 0.03  # a day, as the model has it
AS_OF = 100 * DAY
WITH_SOURCE = parse_mapping(MAPPING + "      source: {column: source, past: at_creation}\n", "the test's mapping")


@dataclass
class Model:
    """A model that says the same of every lead, and counts how many landmarks it was asked about."""

    level: LevelRule
    kind: str = "lead"
    as_of: int = AS_OF
    edges_days: np.ndarray = field(default_factory=lambda: EDGES)
    asked: int = 0

    def plain_hazards(self, _, table):
        self.asked += len(table.landmarks)
        days = np.diff(self.edges_days)
        ends = 1 - (1 - WIN - LOSE) ** days
        one = np.stack([1 - ends, ends * WIN / (WIN + LOSE), ends * LOSE / (WIN + LOSE)], axis=1)
        return np.tile(one, (len(table.landmarks), 1, 1))


def _leads(n, times, seed=0, sources=("Web",), known_after=0.0):
    """Leads over 160 days whose daily hazards are the model's, times `times[source]` from day 100 on."""
    random = np.random.default_rng(seed)
    leads, changes = {}, []
    for i in range(n):
        name, created, source = f"l{i:04d}", float(random.uniform(0, 160)), sources[i % len(sources)]
        leads[name] = created
        changes.append(change(name, "source", source, created, kind="lead"))
        once, after = WIN + LOSE, times[source]
        end = created + random.exponential(1 / -np.log(1 - once))
        if end > 100:
            won_rate, lost_rate = WIN * after[0], LOSE * after[1]
            start = max(created, 100.0)
            end = start + random.exponential(1 / -np.log(1 - won_rate - lost_rate))
            won = random.random() < won_rate / (won_rate + lost_rate)
        else:
            won = random.random() < WIN / once
        changes.append(change(name, "status", "Converted" if won else "Out", end, kind="lead",
                              known=end + known_after))
    return history(leads=leads, changes=changes, described_by=WITH_SOURCE)


def _asked(past, moments, lead=0):
    at = (np.asarray(moments, dtype=float) * DAY).astype(np.int64)
    return landmark_table(past, "lead", Landmarks(np.full(len(at), lead), at))


def test_a_level_that_doubled_is_found_within_its_error_and_one_that_stayed_stays():
    past = _leads(1500, {"Web": (2.0, 1.0)})
    found = level_offsets(Model(LevelRule(0, 5)), past, _asked(past, [100, 101, 115, 150]))[:, 0]
    assert found[0].tolist() == [0, 0]
    assert abs(found[1, 0]) < 0.4  # a day's outcomes cannot say much
    assert found[2, 0] > 0.4
    np.testing.assert_allclose(found[3], [np.log(2), 0], atol=0.15)


def test_few_outcomes_move_it_less_than_many():
    times = {"Web": (2.0, 2.0)}
    few, many = _leads(30, times), _leads(1500, times)
    rule = LevelRule(0, 20)
    less, more = (level_offsets(Model(rule), past, _asked(past, [140]))[0, 0] for past in (few, many))
    assert (less < 0.7 * more).all()
    firm = level_offsets(Model(LevelRule(0, 200)), many, _asked(many, [140]))[0, 0]
    assert (firm < more).all()


def test_what_is_forgotten_lets_the_level_come_back():
    past = _leads(1500, {"Web": (3.0, 1.0)})
    quick, never = (level_offsets(Model(LevelRule(half_life, 20)), past, _asked(past, [400]))[0, 0]
                    for half_life in (7, 0))
    assert abs(quick[0]) < 0.01
    assert never[0] > 0.5


def test_it_fades_ahead_as_fast_as_it_is_forgotten():
    past = _leads(1500, {"Web": (2.0, 1.0)})
    asked = _asked(past, [150])
    fading, lasting = (level_offsets(Model(LevelRule(half_life, 5)), past, asked)[0, :, 0] for half_life in (10, 0))
    np.testing.assert_allclose(fading, fading[0] * 0.5 ** (EDGES[:-1] / 10))
    np.testing.assert_allclose(lasting, lasting[0])


def test_a_segment_has_its_own_level_where_it_has_outcomes_and_the_wholes_where_it_has_none():
    past = _leads(2000, {"Web": (2.5, 1.0), "Fair": (1.0, 1.0)}, sources=("Web", "Fair"))
    table = _asked(past, [150, 150, 150])
    table.features["field:source"] = ["Web", "Fair", "Never seen"]
    model = Model(LevelRule(0, 10, "field:source"))
    web, fair, other = level_offsets(model, past, table)[:, 0, 0]
    pooled = level_offsets(Model(LevelRule(0, 10)), past, table)[0, 0, 0]
    np.testing.assert_allclose([web, fair], [np.log(2.5), 0], atol=0.25)
    assert other == pytest.approx(pooled)


@pytest.mark.parametrize("late", [0.0, 6.0])
def test_cutting_the_history_at_the_moment_changes_nothing(late):
    past = _leads(400, {"Web": (2.0, 0.5)}, known_after=late)
    for moment in (100.0, 107.3, 130.0):
        cut = past.until(round(moment * DAY))
        whole, known = (level_offsets(Model(LevelRule(20, 5)), one, _asked(one, [moment])) for one in (past, cut))
        np.testing.assert_array_equal(whole, known)
    # Among others that are asked about later, too.
    together = level_offsets(Model(LevelRule(20, 5)), past, _asked(past, [107.3, 155]))
    alone = level_offsets(Model(LevelRule(20, 5)), past, _asked(past, [107.3]))
    np.testing.assert_array_equal(together[:1], alone)


def test_the_company_is_gone_through_once_a_day_whoever_is_asked_about():
    past = _leads(200, {"Web": (1.0, 1.0)})
    model = Model(LevelRule(20, 5))
    level_offsets(model, past, _asked(past, [140.6]))
    first = model.asked
    level_offsets(model, past, _asked(past, [139, 140.2, 140.9], lead=3))
    assert model.asked == first > 0
    level_offsets(model, past, _asked(past, [141.5]))
    assert model.asked > first


def _past(company, model, moments):
    """Landmarks of every lead at moments at which it was open."""
    ends = outcomes(company, "lead")
    everyone = np.arange(len(company.leads))
    at = np.repeat((np.array(moments) * DAY).astype(np.int64), len(everyone))
    marks = Landmarks(np.tile(everyone, len(moments)), at)
    table = landmark_table(company, "lead", marks.take(ends.is_open(marks.subject, marks.at)))
    return Past(model.as_of, table, model.plain_hazards(company, table))


def test_segments_are_followed_where_they_would_have_helped():
    settings = LevelSettings(half_life_in_cycles=1, prior_events=20)
    changed = _leads(1500, {"Web": (4.0, 1.0), "Fair": (0.3, 1.0)}, sources=("Web", "Fair"))
    same = _leads(1500, {"Web": (1.0, 1.0), "Fair": (1.0, 1.0)}, sources=("Web", "Fair"))
    weeks = np.arange(100, 155, 7.0)
    for company, segment in ((changed, "field:source"), (same, "")):
        past = _past(company, Model(LevelRule(0, 1)), weeks)
        rule = choose_level([past], outcomes(company, "lead"), EDGES, 10.0, 160 * DAY, settings)
        assert rule == LevelRule(10.0, 20, segment)
    assert choose_level([], outcomes(same, "lead"), EDGES, 10.0, 160 * DAY, settings) == LevelRule(10.0, 20)
    assert LevelRule.from_dict(rule.to_dict()) == rule


def test_offsets_shift_hazards_as_calibration_does():
    model = Model(LevelRule(0, 5))
    past = _leads(600, {"Web": (2.0, 1.0)})
    table = _asked(past, [150])
    shifted = shift_hazards(model.plain_hazards(past, table), level_offsets(model, past, table))
    np.testing.assert_allclose(shifted.sum(axis=2), 1.0)
    assert shifted[0, 0, 1] > 1.5 * WIN


def test_leads_are_held_against_what_is_said_of_them_at_ages_that_a_training_sees():
    past, ages = _leads(100, {"Web": (1.0, 1.0)}), set()

    class Noting(Model):
        def plain_hazards(self, history, table):
            marks = table.landmarks
            ages.update(np.round((marks.at - past.leads.visible_at[marks.subject]) / DAY).tolist())
            return super().plain_hazards(history, table)

    level_offsets(Noting(LevelRule(0, 20)), past, _asked(past, [150]))
    assert len(ages) > 3
    assert ages <= set(LEAD_AGES_DAYS)
