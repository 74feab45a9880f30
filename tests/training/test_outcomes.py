from __future__ import annotations

import numpy as np
import pytest

from features.calendar import DAY
from features.errors import BadInput
from features.outcome_rules import Horizon
from tests.figures import bpic2012 as figures
from tests.histories import change, history, mapping
from training.outcomes import LOST, OPEN, WON, grid_landmarks, lead_landmarks, outcomes


def _ask(ends, *days):
    subject = np.zeros(len(days), dtype=np.int64)
    return subject, np.array([round(day * DAY) for day in days])


def test_the_first_end_after_a_time_counts_and_a_reopened_deal_is_open_again():
    past = history(deals={"a": 0}, changes=[change("a", "stage", "Talk", 0), change("a", "stage", "Lost", 5),
                                            change("a", "stage", "Talk", 8), change("a", "stage", "Won", 12)])
    ends = outcomes(past, "deal")
    asked = _ask(ends, 1, 5, 6, 8, 9, 12, 13)
    assert ends.is_open(*asked).tolist() == [True, False, False, True, True, False, False]
    state, when = ends.next_end(*_ask(ends, 1, 8))
    assert state.tolist() == [LOST, WON]
    assert (when / DAY).tolist() == [5, 12]
    subject, won_at = ends.won_at
    assert subject.tolist() == [0]
    assert (won_at / DAY).tolist() == [12]


def test_a_clerical_row_after_the_end_does_not_reopen_the_deal():
    past = history(deals={"a": 0}, changes=[change("a", "stage", "Won", 5, sequence=1),
                                            change("a", "stage", "Filed", 5, sequence=2)])
    ends = outcomes(past, "deal")
    assert ends.state_as_of(*_ask(ends, 4, 6)).tolist() == [OPEN, WON]


def test_a_win_that_is_confirmed_again_is_one_win_at_its_first_row():
    past = history(deals={"a": 0}, changes=[change("a", "stage", "Won", 5), change("a", "stage", "Won", 9)])
    assert (outcomes(past, "deal").won_at[1] / DAY).tolist() == [5]


def test_a_win_that_was_reversed_does_not_stand():
    past = history(deals={"a": 0}, changes=[change("a", "stage", "Won", 5), change("a", "stage", "Talk", 9)])
    ends = outcomes(past, "deal")
    assert len(ends.won_at[0]) == 0
    assert (ends.standing_at(6 * DAY).won_at[1] / DAY).tolist() == [5]


def test_an_end_that_was_not_known_yet_leaves_the_deal_open_and_then_comes_at_once():
    past = history(deals={"a": 0}, changes=[change("a", "stage", "Lost", 3, known=10)])
    ends = outcomes(past, "deal")
    subject, at = _ask(ends, 5)
    assert ends.is_open(subject, at).tolist() == [True]
    state, when = ends.next_end(subject, at)
    assert state.tolist() == [LOST]
    assert when[0] == at[0] + 1
    assert ends.known_at(9 * DAY).next_end(subject, at)[0].tolist() == [OPEN]


def test_nothing_is_open_before_it_was_created():
    ends = outcomes(history(deals={"a": 4}), "deal")
    assert ends.is_open(*_ask(ends, 3, 4)).tolist() == [False, True]


def test_landmarks_of_deals_are_creation_and_grid_days_while_open():
    past = history(deals={"a": 4.5}, changes=[change("a", "stage", "Won", 16)])  # 1970-01-05 was a Monday
    ends = outcomes(past, "deal")
    assert (grid_landmarks(ends, 30 * DAY, 7).at / DAY).tolist() == [4.5, 11]
    assert sorted((grid_landmarks(ends, 30 * DAY, 3.5).at / DAY).tolist()) == [4.5, 7, 11, 14]
    assert (grid_landmarks(ends, 10 * DAY, 7).at / DAY).tolist() == [4.5]


def test_landmarks_of_leads_are_fixed_ages_below_the_horizon():
    past = history(leads={"x": 0, "y": 2}, changes=[change("x", "status", "Out", 5, kind="lead")])
    found = lead_landmarks(outcomes(past, "lead"), 20 * DAY, Horizon.model_validate({"days": 14, "from": "created"}))
    assert sorted(zip(found.subject.tolist(), (found.at / DAY).tolist(), strict=True)) == [
        (0, 0), (0, 1), (0, 3), (1, 2), (1, 3), (1, 5), (1, 9)]


def test_a_mapping_without_an_outcome_says_what_to_add():
    bare = mapping().model_copy(update={"stages": [], "leads": None})
    with pytest.raises(BadInput, match="`outcome: won`"):
        outcomes(history(described_by=bare), "deal")
    with pytest.raises(BadInput, match="`leads: converted:`"):
        outcomes(history(described_by=bare), "lead")


def test_leads_older_than_a_horizon_from_now_on_have_landmarks_too():
    past = history(leads={"x": 0})
    found = lead_landmarks(outcomes(past, "lead"), 100 * DAY, Horizon.model_validate({"days": 14, "from": "as_of"}))
    assert (found.at / DAY).tolist() == [0, 1, 3, 7, 14, 30, 60, 90]


def test_an_end_that_is_marked_as_not_reopening_is_still_an_end():
    stages = [stage.model_copy(update={"reopens": False}) if stage.outcome else stage for stage in mapping().stages]
    past = history(deals={"a": 0}, changes=[change("a", "stage", "Won", 5)],
                   described_by=mapping().model_copy(update={"stages": stages}))
    assert (outcomes(past, "deal").won_at[1] / DAY).tolist() == [5]


def test_a_row_of_the_same_moment_undoes_an_end_only_when_it_was_told_later():
    for known, found in ((5, LOST), (8, OPEN)):
        past = history(deals={"a": 0}, changes=[change("a", "stage", "Lost", 5, sequence=1),
                                                change("a", "stage", "Talk", 5, sequence=2, known=known)])
        assert outcomes(past, "deal").next_end(*_ask(outcomes(past, "deal"), 1))[0].tolist() == [found]


@pytest.mark.real_data
def test_every_lead_of_the_real_pipeline_that_ended_has_a_next_end(bpic2012):
    ends = outcomes(figures.history(), "lead")
    everyone = np.arange(len(ends.history.leads))
    state, _ = ends.next_end(everyone, ends.history.leads.created_at)
    assert np.bincount(state).tolist() == [399, 2_246, 10_442]
