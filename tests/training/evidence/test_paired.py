"""A claim of skill follows from whole leads and blocks of time, and is rare where there is nothing to claim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.calendar import DAY
from training.evidence.paired import CLAIM_ORIGINS, MIN_BLOCKS, Asked, blocks, differences, verdict
from training.evidence.summary import UNTESTED, summary


def _asked(probability, won, *, at=None, subject=None, base=None, other=None):
    n = len(won)
    plain = {"base": np.full(n, 0.2) if base is None else base}
    if other is not None:
        plain["logistic"] = other
    return Asked(probability, won, np.arange(n) if subject is None else subject,
                 np.zeros(n, dtype=np.int64) if at is None else at, plain,
                 {"state": np.where(np.arange(n) % 2, "New", "Talk").astype(object)})


def _company(seed, spread, n=1500, rows_per_lead=1):
    """Leads whose log-odds lie `spread` apart, and a model that knows them; each lead asked about several times."""
    random = np.random.default_rng(seed)
    true = 1 / (1 + np.exp(-(random.normal(-1.4, spread, n))))
    won = random.random(n) < true
    return np.repeat(true, rows_per_lead), np.repeat(won, rows_per_lead), np.repeat(np.arange(n), rows_per_lead)


def _verdict(asked, days=30.0):
    return verdict(asked, days, differences(asked, days))


def test_a_model_that_knows_more_than_the_rate_is_said_to():
    true, won, subject = _company(1, spread=1.0)
    asked = _asked(true, won, subject=subject)
    said = _verdict([asked] * CLAIM_ORIGINS)
    assert said.skill
    assert said.sentence.startswith("Skill over the base rate")
    assert 0 < said.bound < said.gain
    early = _verdict([asked] * (CLAIM_ORIGINS - 1))
    assert not early.skill
    assert early.sentence.startswith("No claim of skill yet over the base rate")


def test_skill_must_be_shown_against_every_rate_not_only_the_hardest_on_average():
    true, won, subject = _company(6, spread=1.0, n=1200)
    asked = []
    for i in range(CLAIM_ORIGINS):
        # As good as knowing all at four dates, and far off at the last: worse on average than the base rate is.
        clock = true if i < CLAIM_ORIGINS - 1 else np.where(won, 0.01, 0.99)
        one = _asked(true, won, subject=subject)
        asked.append(replace(one, plain={**one.plain, "clock": clock}))
    found = differences(asked, 30.0)
    assert found["clock"]["mean"] < found["base"]["mean"] < 0
    said = verdict(asked, 30.0, found)
    assert not said.skill
    assert "as the clock alone has it" in said.sentence


def test_what_is_left_over_at_the_end_is_no_block_of_its_own():
    at = np.repeat(np.array([0.0, 30, 60, 90, 120]) * DAY, [100, 100, 100, 100, 20]).astype(np.int64)
    found = blocks([_asked(np.full(420, 0.2), np.zeros(420, dtype=bool), at=at)], 30.0)
    assert np.bincount(found).tolist() == [100, 100, 100, 120]


def test_noise_is_no_skill_and_the_sentence_says_so():
    claimed = 0
    for seed in range(20):
        _, won, _ = _company(seed, spread=0.0)
        noise = np.clip(0.2 * np.exp(np.random.default_rng(seed).normal(0, 0.05, len(won))), 0, 1)
        said = _verdict([_asked(noise, won)] * CLAIM_ORIGINS)
        claimed += said.skill
        assert said.skill or said.sentence.startswith("No skill over the base rate")
    assert claimed <= 1


def test_the_same_leads_asked_about_again_and_again_are_no_more_evidence():
    true, won, subject = _company(2, spread=0.5, n=300)
    once = differences([_asked(true, won, subject=subject)], 30.0)["base"]
    again = differences([_asked(np.repeat(true, 8), np.repeat(won, 8), subject=np.repeat(subject, 8),
                                base=np.full(2400, 0.2))], 30.0)["base"]
    assert again["low"] == pytest.approx(once["low"], abs=1e-12)
    assert again["high"] == pytest.approx(once["high"], abs=1e-12)


def test_a_block_is_as_long_as_the_window_and_a_lead_lies_in_one():
    at = np.arange(0, 200, 10) * DAY
    subject = np.arange(20) // 2
    won = np.zeros(20, dtype=bool)
    found = blocks([_asked(np.full(20, 0.2), won, at=at, subject=subject)], 30.0)
    first = at[::2] // (30 * DAY)
    assert found.tolist() == np.repeat(np.unique(first, return_inverse=True)[1], 2).tolist()
    assert found.max() + 1 >= MIN_BLOCKS


def test_bad_times_between_few_dates_are_counted_and_no_interval_is_claimed():
    true, won, subject = _company(3, spread=1.0, n=1200)
    ahead = _asked(true, won, subject=subject)
    behind = _asked(np.where(won, 0.17, 0.23), won, subject=subject + 5000, at=np.full(1200, 5 * DAY))
    said = _verdict([ahead, ahead, behind])
    assert not said.skill
    assert "ahead at 2 of 3 earlier dates, whose windows overlap" in said.sentence


def test_windows_one_after_another_are_not_said_to_overlap():
    true, won, subject = _company(3, spread=1.0, n=1200)
    dates = [_asked(true, won, subject=subject + 5000 * i, at=np.full(1200, 30 * i * DAY)) for i in range(3)]
    assert "ahead at 3 of 3 earlier dates" in _verdict(dates).sentence
    assert "overlap" not in _verdict(dates).sentence


def test_best_plain_model_is_the_one_of_the_origins_before():
    true, won, subject = _company(4, spread=1.0, n=400)
    first = _asked(true, won, subject=subject, other=true)  # logistic was best at first
    second = _asked(true, won, subject=subject, other=np.full(400, 0.9))
    found = differences([first, second], 30.0)
    assert found["best"]["origins"] == 1
    assert found["best"]["mean"] == pytest.approx(differences([second], 30.0)["logistic"]["mean"])


def test_summary_without_an_origin_says_that_nothing_was_tested():
    found = summary([], 30.0)
    assert found["verdict"]["sentence"] == UNTESTED
    assert not found["verdict"]["skill"]


def test_segments_hold_every_row_once():
    true, won, subject = _company(5, spread=1.0, n=400)
    found = summary([_asked(true, won, subject=subject)], 30.0)
    assert sum(row["n"] for row in found["segments"]["state"]) == 400
    assert found["plain"]["base"]["slope"] is None
