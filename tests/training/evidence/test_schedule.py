from __future__ import annotations

import datetime

import pytest

from features.calendar import DAY, iso
from features.errors import BadInput, Conflict
from features.settings import load_settings
from tests.histories import change, history
from training.evidence.schedule import schedule

TRAINING = load_settings().training
BEGINS = (datetime.date(2024, 1, 3) - datetime.date(1970, 1, 1)).days  # a Wednesday
END = (BEGINS + 400) * DAY


def _company(life_days):
    deals = {f"d{i:03d}": BEGINS + i for i in range(300)}
    changes = [row for name, day in deals.items() for row in (
        change(name, "stage", "Talk", day), change(name, "stage", "Won", day + life_days))]
    return history(deals=deals, changes=changes)


def _days(periods):
    zone = _company(10).mapping.zone
    return [iso(one.origin + 1, zone)[:10] for one in periods]


def test_short_deals_are_looked_at_on_mondays_up_to_the_last_whose_window_is_over():
    found = schedule(_company(10), TRAINING, END)
    assert len(found) == 13
    assert all(datetime.date.fromisoformat(day).weekday() == 0 for day in _days(found))
    assert all(one.days == 28 for one in found)
    assert END - 7 * DAY < found[-1].end <= END
    assert [one.next for one in found[:-1]] == [one.origin for one in found[1:]]


def test_long_deals_are_looked_at_quarter_by_quarter():
    found = schedule(_company(90), TRAINING, END)
    assert _days(found) == ["2024-07-01", "2024-10-01"]  # before them fewer than min_wins had been won
    assert all(one.end == one.next for one in found)


def test_weeks_are_counted_from_the_first_origin_that_is_given():
    past = _company(10)
    first = (BEGINS + 99) * DAY  # a Thursday
    found = schedule(past, TRAINING, END, first=first + 5, last=first + 29 * DAY)
    assert [one.origin for one in found] == [first + 7 * i * DAY for i in range(5)]
    apart = schedule(past, TRAINING, END, "fortnight", 14.0, first, first + 29 * DAY)
    assert [(one.origin, one.days) for one in apart] == [(first + 14 * i * DAY, 14.0) for i in range(3)]


def test_fortnights_end_with_the_newest_monday_whose_window_is_over():
    weeks, fortnights = (schedule(_company(10), TRAINING, END, every) for every in ("week", "fortnight"))
    assert fortnights[-1].origin == weeks[-1].origin
    assert fortnights[-2].origin == weeks[-3].origin


def test_dates_of_which_nothing_is_known_are_refused_with_those_of_the_log():
    past = _company(10)
    with pytest.raises(BadInput, match=r"known from 2024-01-03 to 2025-02-06.*No origin between those dates"):
        schedule(past, TRAINING, END, first=END - 5 * DAY)
    with pytest.raises(Conflict, match="no quarter has both 14 days of log before it"):
        schedule(past, TRAINING, (BEGINS + 20) * DAY, "quarter")
