"""Periods as people give them."""

from __future__ import annotations

import pytest

from features.calendar import iso, parse_period
from features.mapping import Mapping
from serving.dates import BadField, read_period
from tests.histories import mapping


def _fiscal(starts: int) -> Mapping:
    return mapping().model_copy(update={"time_zone": "Europe/Berlin", "fiscal_year_starts": starts})


@pytest.mark.parametrize(("starts", "name", "start", "end"), [
    (1, "2026-Q3", "2026-07-01", "2026-09-30"), (1, "2026-Q1", "2026-01-01", "2026-03-31"),
    (1, "2026-Q3", "2026-07-01T00:00", "2026-10-01T00:00"), (1, "2026-Q3", "2026-07-01", "2026-10-01T00:00+02:00"),
    (2, "2027-Q1", "2026-02-01", "2026-04-30"), (2, "2027-Q1", " 20260201", "2026-04-30T23:59:59.999999"),
])
def test_the_ends_of_a_fiscal_quarter_are_that_quarter(starts: int, name: str, start: str, end: str) -> None:
    described = _fiscal(starts)
    assert read_period(None, start, end, described) == parse_period(name, described)


@pytest.mark.parametrize(("start", "end", "first", "last"), [
    ("2026-07-01", "2026-10-01", "2026-06-30T23:59:59.999999+02:00", "2026-10-01T23:59:59.999999+02:00"),
    ("2026-07-02", "2026-07-02", "2026-07-01T23:59:59.999999+02:00", "2026-07-02T23:59:59.999999+02:00"),
    ("2026-10-25", "2026-10-25", "2026-10-24T23:59:59.999999+02:00", "2026-10-25T23:59:59.999999+01:00"),
    ("2026-07-01T08:00", "2026-09-30T00:00", "2026-07-01T08:00:00+02:00", "2026-09-30T00:00:00+02:00"),
])
def test_days_count_whole_and_moments_are_what_they_are(start: str, end: str, first: str, last: str) -> None:
    described = _fiscal(1)
    told = read_period(None, start, end, described)
    assert tuple(iso(one, described.zone) for one in told) == (first, last)


@pytest.mark.parametrize(("start", "end"), [("2026-07-02", "2026-07-01"), ("2026-07-01T08:00", "2026-07-01T08:00"),
                                            ("2026-07-05", "2026-07-01")])
def test_a_period_without_any_time_is_blamed_on_its_end(start: str, end: str) -> None:
    with pytest.raises(BadField, match=f"its end, {end}, is not after its start, {start}") as told:
        read_period(None, start, end, _fiscal(1))
    assert told.value.field == "to"
