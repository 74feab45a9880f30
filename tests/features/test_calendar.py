from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from features.calendar import (
    DAY,
    business_clock,
    fiscal_quarter,
    iso,
    parse_as_of,
    parse_period,
    parse_within,
    quarter_ends,
    rush_clock,
)
from features.errors import BadInput
from tests.histories import mapping

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_date_is_the_start_of_that_day_in_the_companys_time_zone():
    assert iso(parse_as_of("2026-03-14", BERLIN), ZoneInfo("UTC")) == "2026-03-13T23:00:00+00:00"
    assert iso(parse_as_of("2026-07-14", BERLIN), ZoneInfo("UTC")) == "2026-07-13T22:00:00+00:00"


def test_a_full_timestamp_is_taken_as_it_is():
    assert iso(parse_as_of("2026-03-14T10:00:00Z", BERLIN), ZoneInfo("UTC")) == "2026-03-14T10:00:00+00:00"


def test_a_bad_date_says_how_to_write_it():
    with pytest.raises(BadInput, match=r"'14\.3\.2026' is not a date\. Write it as 2026-03-14"):
        parse_as_of("14.3.2026", BERLIN)


def test_a_quarter_holds_every_instant_of_its_days():
    start, end = parse_period("2026-Q4", mapping())
    assert iso(start + 1, ZoneInfo("UTC")) == "2026-10-01T00:00:00+00:00"
    assert iso(end + 1, ZoneInfo("UTC")) == "2027-01-01T00:00:00+00:00"
    assert fiscal_quarter(start + 1, mapping()) == ("2026-Q4", start, end)
    assert fiscal_quarter(start, mapping())[0] == "2026-Q3"
    assert fiscal_quarter(end, mapping(), ahead=1)[0] == "2027-Q1"


def test_a_fiscal_year_is_named_after_the_year_in_which_it_ends():
    april = mapping().model_copy(update={"fiscal_year_starts": 4})
    start, _ = parse_period("2027-Q1", april)
    assert iso(start + 1, ZoneInfo("UTC")) == "2026-04-01T00:00:00+00:00"
    assert fiscal_quarter(start + 1, april)[0] == "2027-Q1"


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59-05:00", "1969-12-31"])
def test_years_in_which_nobody_sells_are_refused(text):
    with pytest.raises(BadInput, match="outside the years 1971 to 2059"):
        parse_as_of(text, BERLIN)
    with pytest.raises(BadInput, match="outside the years 1971 to 2059"):
        parse_period(f"{text[:4]}-Q1", mapping())


@pytest.mark.parametrize("text", ["2026", "2026-Q5", "Q4", "2026Q", ""])
def test_a_bad_period_says_how_to_write_it(text):
    with pytest.raises(BadInput, match="2026-Q4"):
        parse_period(text, mapping())


def test_spans_are_days_or_weeks():
    assert parse_within("28d") == 28
    assert parse_within("4w") == 28
    for bad in ("28", "0d", "-3d", "month", "99999999999d"):
        with pytest.raises(BadInput):
            parse_within(bad)


def test_business_days_stand_still_on_weekends_and_holidays():
    german = mapping().model_copy(update={"holidays": "DE"})
    friday = parse_as_of("2026-05-22T00:00", ZoneInfo("UTC"))  # Whit Monday is the 25th
    moments = friday + np.arange(6) * DAY
    assert np.diff(business_clock(moments, german)).tolist() == [1, 0, 0, 0, 1]
    assert np.diff(business_clock(moments, mapping())).tolist() == [1, 0, 0, 1, 1]


def test_unknown_holidays_country_is_named():
    with pytest.raises(BadInput, match="'XX'"):
        business_clock(np.array([0]), mapping().model_copy(update={"holidays": "XX"}))


def test_the_rush_clock_runs_on_business_days_of_a_quarters_last_two_weeks():
    _, end = parse_period("2026-Q4", mapping())
    moments = end + np.array([-20, -14, -7, 0, 14, 91]) * DAY
    gone = rush_clock(moments, mapping())
    assert np.diff(gone) == pytest.approx([0, 5, 5, 0, 10], abs=1e-6)


@pytest.mark.parametrize("starts", [1, 4, 8])
def test_quarter_ends_are_those_of_the_quarters(starts):
    its = mapping().model_copy(update={"fiscal_year_starts": starts})
    ends = quarter_ends(its)
    for moment in (ends[500], ends[500] + 1, ends[700] - DAY):
        assert ends[ends.searchsorted(moment)] == fiscal_quarter(int(moment), its)[2]
