"""What depends on the order of rows equals a slow, obvious reference on random logs with ties and late entries."""

from __future__ import annotations

from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import known
from features.calendar import DAY, iso
from features.paths import (
    days_at_value,
    days_in_spell,
    days_since_move,
    entries,
    last_move_days,
    longest_gap_days,
    mean_gap_days,
    mean_reply_days,
    moved_days,
    moves,
    path,
    spell_days,
    transitions,
    value_changes,
)
from tests.features.asking import asked, history_of, log_at, logs, questions, windows
from tests.features.test_asof import same
from tests.histories import mapping

ORDER = ["Talk", "Offer", "Won", "Filed", "Lost"]  # the order of the test's mapping
RANKS = {name: i for i, name in enumerate(ORDER)}
STAGES = logs(["Talk", "Offer", "Won", "Lost", "elsewhere", None])
DATES = logs([*(iso(day * DAY, mapping().zone) for day in (10, 12, 20)), None])
any_window = st.one_of(st.none(), windows)
settled = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=[0, 1_000_000], ids=["each pair searched for", "rows sorted into the pairs"], autouse=True)
def either_search(request, monkeypatch):
    monkeypatch.setattr(known, "FEW", request.param)


def _steps(log, at, window):
    """(value before, value, row) of each row that has one before it and stands in the window."""
    return [(one.value, other.value, other) for one, other in pairwise(log)
            if window is None or at - window < other.day]


@given(STAGES, questions, any_window)
@settled
def test_transitions_equal_a_slow_reference(rows, pairs, window):
    past = history_of(rows, "stage")
    events, questions_of = past.changes("deal", "stage"), asked(past, pairs)
    steps = [_steps(log_at(rows, deal, at, RANKS), at, window) for deal, at in pairs]
    places = [[RANKS[new] - RANKS[old] for old, new, _ in one if old in RANKS and new in RANKS] for one in steps]
    same(transitions(events, questions_of, ORDER, "forward", window), [sum(p > 0 for p in one) for one in places])
    same(transitions(events, questions_of, ORDER, "back", window), [sum(p < 0 for p in one) for one in places])
    same(transitions(events, questions_of, ORDER, "skipped", window), [sum(p > 1 for p in one) for one in places])
    same(value_changes(events, questions_of, window), [sum(old != new for old, new, _ in one) for one in steps])
    same(entries(events, questions_of, {"Won", "Lost"}, window_days=window),
         [sum(old in ("Won", "Lost") and new not in ("Won", "Lost", None) for old, new, _ in one) for one in steps])
    same(entries(events, questions_of, {"Talk"}, {"Won"}, window),
         [sum((old, new) == ("Talk", "Won") for old, new, _ in one) for one in steps])


@given(STAGES, questions)
@settled
def test_spells_equal_a_slow_reference(rows, pairs):
    past = history_of(rows, "stage")
    events, questions_of = past.changes("deal", "stage"), asked(past, pairs)
    since, stood, here, steps = [], [], [], []
    for deal, at in pairs:
        log = log_at(rows, deal, at, RANKS)
        spells = [(value, list(spell)) for value, spell in groupby(log, key=lambda row: row.value)]
        starts = [spell[0].day for _, spell in spells]
        since.append(at - starts[-1] if log else None)
        ends = [*starts[1:], at][:len(starts)]
        lengths = [(value, end - start) for (value, _), start, end in zip(spells, starts, ends, strict=True)]
        stood.append(sum(days for value, days in lengths if value == "Talk") if log else None)
        here.append(sum(days for value, days in lengths if value == log[-1].value) if log else None)
        steps.append(" > ".join(value or "(empty)" for value, _ in spells[-3:]) if log else None)
    same(days_in_spell(events, questions_of), since)
    same(spell_days(events, questions_of, "Talk"), stood)
    same(days_at_value(events, questions_of), here)
    same(spell_days(events, questions_of, "never seen"), [one if one is None else 0 for one in stood])
    assert path(events, questions_of, 3).tolist() == steps


@given(DATES, questions, any_window)
@settled
def test_moves_of_a_date_equal_a_slow_reference(rows, pairs, window):
    past = history_of(rows, "expected_close")
    events, questions_of = past.changes("deal", "expected_close"), asked(past, pairs)
    later, days, last, since = [], [], [], []
    for deal, at in pairs:
        dated = [(row, np.datetime64(row.value[:10]).astype(int)) for row in log_at(rows, deal, at) if row.value]
        every = [(row, new - old) for (_, old), (row, new) in pairwise(dated) if new != old]
        moved = [(row, step) for row, step in every if window is None or at - window < row.day]
        later.append(sum(step > 0 for _, step in moved))
        days.append(sum(step for _, step in moved if step > 0) if dated else None)
        last.append(every[-1][1] if every else None)
        since.append(at - every[-1][0].day if every else None)
    same(moves(events, questions_of, "later", window), later)
    same(moved_days(events, questions_of, "later", window), days)
    same(last_move_days(events, questions_of), last)
    same(days_since_move(events, questions_of), since)


@given(STAGES, questions, any_window)
@settled
def test_gaps_equal_a_slow_reference(rows, pairs, window):
    past = history_of(rows, "stage")
    events, questions_of = past.changes("deal", "stage"), asked(past, pairs)
    logs_seen = [[row.day for row in log_at(rows, deal, at, RANKS)] for deal, at in pairs]
    recent = [[day for day in log if window is None or at - window < day]
              for log, (_, at) in zip(logs_seen, pairs, strict=True)]
    same(mean_gap_days(events, questions_of, window),
         [(log[-1] - log[0]) / (len(log) - 1) if len(log) > 1 else None for log in recent])
    same(longest_gap_days(events, questions_of),
         [max(b - a for a, b in pairwise(log)) if len(log) > 1 else None for log in logs_seen])


@given(STAGES, questions)
@settled
def test_replies_equal_a_slow_reference(rows, pairs):
    past = history_of(rows, "stage")
    expected = []
    for deal, at in pairs:
        waits, since = [], None
        for row in log_at(rows, deal, at, RANKS):
            if row.value == "Talk" and since is None:
                since = row.day
            if row.value == "Offer":
                waits += [row.day - since] if since is not None else []
                since = None
        expected.append(sum(waits) / len(waits) if waits else None)
    same(mean_reply_days(past.changes("deal", "stage"), asked(past, pairs), "Offer", "Talk"), expected)
