"""The cut-off for deals at risk: what it is learned from, and that it is the one that was wanted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.calendar import DAY, parse_as_of
from features.home import Home
from training.at_risk import LEAST_FLAGGED, WANTED, Questions, ask, at_risk, cutoff, evidence, in_words
from training.deal_close import task
from training.evidence.rolling import roll
from training.outcomes import WON
from training.slip import expected_close, period_ends


def _questions(probability, missed, closes=None, origin=None):
    n = len(probability)
    nothing = np.zeros(n, dtype=np.int64)
    return Questions(np.array(probability, dtype=float), np.array(missed, dtype=bool),
                     nothing if closes is None else np.array(closes), nothing if origin is None else np.array(origin),
                     np.arange(n))


@given(st.lists(st.tuples(st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.4, 0.8]), st.booleans()), max_size=120))
@settings(max_examples=150, deadline=None)
def test_the_cutoff_is_the_highest_that_is_precise_enough(rows):
    asked = _questions([one for one, _ in rows], [missed for _, missed in rows])
    base = np.mean(asked.missed) if rows else 0.0
    wanted = max(WANTED, 1 - (1 - base) / 2)
    good = []
    for limit in sorted({*asked.probability.tolist(), 1.0}):
        flagged = asked.probability < limit
        if flagged.sum() >= LEAST_FLAGGED and asked.missed[flagged].mean() >= wanted - 1e-12:
            good.append(limit)
    assert cutoff(asked) == (max(good) if good else None)
    found = evidence(asked)
    if found["cutoff"] is not None:
        assert found["precision"] >= WANTED
        flagged = asked.probability < found["cutoff"]
        assert found["flagged"] == pytest.approx(flagged.mean())
        assert found["recall"] == pytest.approx((flagged & asked.missed).sum() / asked.missed.sum())
    assert in_words(found)


def test_figures_out_of_time_come_from_cutoffs_of_periods_that_were_over():
    random = np.random.default_rng(4)
    n = 400
    probability = random.random(n)
    missed = random.random(n) > probability
    origin = np.repeat([100, 200], n // 2)
    closes = origin + np.where(np.arange(n) % 2, 50, 150)  # half of the first origin's are over by the second
    asked = _questions(probability, missed, closes, origin)
    known = (origin == 100) & (closes <= 200)
    limit = cutoff(asked.where(known))
    later = asked.where(origin == 200)
    found = evidence(asked)["out_of_time"]
    assert found["asked"] == n // 2
    flagged = later.probability < limit
    assert found["precision"] == pytest.approx(later.missed[flagged].mean())
    # What was not over by then changes nothing of that cut-off.
    other = replace(asked, missed=np.where(known | (origin == 200), missed, ~missed))
    assert evidence(other)["out_of_time"] == found


def test_without_questions_or_a_cutoff_nobody_is_at_risk_and_it_is_said():
    nothing = evidence(_questions([], []))
    assert nothing["cutoff"] is None
    assert nothing["out_of_time"] is None
    assert at_risk({"at_risk": nothing}, np.array([0.1, 0.9])).tolist() == [None, None]
    assert at_risk({}, np.array([0.1])).tolist() == [None]
    assert at_risk({"at_risk": {"cutoff": 0.2}}, np.array([0.1, np.nan, 0.2])).tolist() == [True, None, False]
    assert "not said" in in_words(nothing)
    assert "not said" in in_words(None)
    always_won = evidence(_questions(np.linspace(0.1, 0.9, 50), np.zeros(50)))
    assert always_won["cutoff"] is None
    assert "0% of all were" in in_words(always_won)


@pytest.fixture(scope="module")
def rolled(trained_home):
    home = Home.open(trained_home)
    as_of = parse_as_of("2026-07-01", home.mapping.zone)
    job = task(home.history(as_of).until(as_of), as_of, home.settings.training)
    return job, roll(job, as_of, home.settings.training, lambda _: None), as_of


def test_only_periods_that_were_over_by_the_origin_are_asked_about(rolled):
    job, folds, as_of = rolled
    asked = ask(job, folds, as_of)
    assert len(asked.probability) > 100
    assert (asked.closes <= as_of).all()
    assert set(asked.origin.tolist()) <= {fold.origin for fold in folds}
    assert ((asked.probability >= 0) & (asked.probability <= 1)).all()
    # Asked at an earlier date, those that were not over by then are not asked.
    earlier = ask(job, folds, as_of - 91 * DAY)
    assert len(earlier.probability) == (asked.closes <= as_of - 91 * DAY).sum()


def test_each_answer_is_what_became_of_the_deal_by_the_end_of_its_period(rolled):
    job, folds, as_of = rolled
    fold, asked = folds[-1], ask(job, folds[-1:], as_of)
    marks = job.table.landmarks.take(fold.later)
    subject, won_at = job.ends.won_at
    won = dict(zip(subject.tolist(), won_at.tolist(), strict=True))
    told = []
    for code, at in zip(marks.subject.tolist(), marks.at.tolist(), strict=True):
        day = expected_close(job.history, np.array([code]), np.array([at]))
        end = int(period_ends(day, job.history.mapping)[0])
        if at < end <= as_of and end <= at + job.edges_days[-1] * DAY:
            told.append((code, end, not won.get(code, end + 1) <= end))
    state = job.ends.state_as_of(np.array([one for one, _, _ in told]), np.array([end for _, end, _ in told]))
    assert [missed for _, _, missed in told] == (state != WON).tolist()
    found = list(zip(asked.subject.tolist(), asked.closes.tolist(), asked.missed.tolist(), strict=True))
    assert found == told
