"""Dates as people write them, and the days on which they work.

In: text (dates, timestamps, periods such as 2026-Q4) and int64 microseconds in UTC. Out: the same microseconds.
A date without a time is 00:00 at that day's start in the company's time zone. A period is (from, to].
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.errors import BadInput
from features.mapping import Mapping

__all__ = ["DAY", "business_clock", "day_start", "end_of_day", "ends_of_days", "fiscal_quarter", "iso", "local_date",
           "local_micros", "parse_as_of", "parse_period", "parse_within", "quarter_ends", "rush_clock"]

DAY = 86_400_000_000  # microseconds
_EPOCH = date(1970, 1, 1)
_FIRST_YEAR, _LAST_YEAR = 1970, 2060  # business days are counted in these years, dates are taken inside them
_LONGEST_DAYS = 3650
_RUSH = 14 * DAY  # the end of a quarter


def parse_as_of(text: str, zone: ZoneInfo) -> int:
    """Read a date or ISO timestamp as microseconds. A date is 00:00 of that day in `zone`; so is the time of a
    timestamp without an offset. Raises BadInput.

    >>> parse_as_of("2012-01-02", ZoneInfo("UTC")) // DAY
    15341
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadInput(f"'{text}' is not a date. "
                       "Write it as 2026-03-14, or with a time as 2026-03-14T17:30.") from error
    if not _FIRST_YEAR < moment.year < _LAST_YEAR:
        raise BadInput(f"'{text}' lies outside the years {_FIRST_YEAR + 1} to {_LAST_YEAR - 1}.")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return _micros(moment)


def parse_within(text: str) -> float:
    """Read a span such as 28d or 4w as days. Raises BadInput."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([dw])", text.strip())
    if not found or float(found[1]) <= 0:
        raise BadInput(f"'{text}' is not a span of time. Write days or weeks, for example 28d or 4w.")
    days = float(found[1]) * (7 if found[2] == "w" else 1)
    if days > _LONGEST_DAYS:
        raise BadInput(f"'{text}' is longer than ten years. Ask for a shorter time.")
    return days


def parse_period(text: str, mapping: Mapping) -> tuple[int, int]:
    """Read a fiscal quarter such as 2026-Q4 as (from, to] in microseconds. Raises BadInput."""
    found = re.fullmatch(r"(\d{4})-?Q([1-4])", text.strip(), flags=re.IGNORECASE)
    if not found:
        raise BadInput(f"'{text}' is not a period. Write a fiscal quarter as 2026-Q4.")
    if not _FIRST_YEAR < int(found[1]) < _LAST_YEAR:
        raise BadInput(f"'{text}' lies outside the years {_FIRST_YEAR + 1} to {_LAST_YEAR - 1}.")
    return _quarter_bounds(int(found[1]), int(found[2]), mapping)


def fiscal_quarter(moment: int, mapping: Mapping, ahead: int = 0) -> tuple[str, int, int]:
    """The fiscal quarter that holds `moment`, or the one `ahead` of it, as (name, from, to]."""
    today = local_date(moment, mapping.zone)
    months = today.year * 12 + today.month - 1 - (mapping.fiscal_year_starts - 1) + 3 * ahead
    year, quarter = months // 12, months % 12 // 3 + 1
    if mapping.fiscal_year_starts > 1:
        year += 1  # a fiscal year is named after the calendar year in which it ends
    return f"{year}-Q{quarter}", *_quarter_bounds(year, quarter, mapping)


def quarter_ends(mapping: Mapping) -> npt.NDArray[np.int64]:
    """The last microsecond of every fiscal quarter from 1900 to 2199, the years that files may hold; ascending."""
    return _quarter_ends(mapping.zone, mapping.fiscal_year_starts)


@lru_cache(maxsize=16)
def _quarter_ends(zone: ZoneInfo, fiscal_year_starts: int) -> npt.NDArray[np.int64]:
    months = range(1900 * 12 + (fiscal_year_starts - 1) % 3, 2200 * 12 + 3, 3)
    return np.array([day_start(date(month // 12, month % 12 + 1, 1), zone) - 1 for month in months], dtype=np.int64)


def _quarter_bounds(year: int, quarter: int, mapping: Mapping) -> tuple[int, int]:
    # A win entered as a mere date stands at 00:00, so the quarter is every instant of its days: it starts one
    # microsecond before the first day and ends with the last microsecond of the last.
    if mapping.fiscal_year_starts > 1:
        year -= 1
    first = year * 12 + (mapping.fiscal_year_starts - 1) + 3 * (quarter - 1)
    start, end = (day_start(date(months // 12, months % 12 + 1, 1), mapping.zone) for months in (first, first + 3))
    return start - 1, end - 1


def day_start(day: date, zone: ZoneInfo) -> int:
    """00:00 of a day in a time zone, in microseconds."""
    return _micros(datetime(day.year, day.month, day.day, tzinfo=zone))


def end_of_day(day: date, zone: ZoneInfo) -> int:
    """The last microsecond of a day in a time zone."""
    return day_start(day + timedelta(days=1), zone) - 1


def ends_of_days(moments: npt.NDArray[np.int64], zone: ZoneInfo) -> npt.NDArray[np.int64]:
    """The last microsecond of the day in a time zone that holds each moment, (n,)."""
    days, place = np.unique(local_micros(moments, zone) // DAY, return_inverse=True)
    return np.array([end_of_day(_EPOCH + timedelta(days=one), zone) for one in days.tolist()], dtype=np.int64)[place]


def local_date(moment: int, zone: ZoneInfo) -> date:
    return _moment(moment, zone).date()


def iso(moment: int, zone: ZoneInfo) -> str:
    """ISO timestamp with offset in a time zone.

    >>> iso(0, ZoneInfo("UTC"))
    '1970-01-01T00:00:00+00:00'
    """
    return _moment(moment, zone).isoformat()


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))) // timedelta(microseconds=1)


def _moment(micros: int, zone: ZoneInfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(microseconds=int(micros))).astimezone(zone)


def local_micros(moments: npt.NDArray[np.int64], zone: ZoneInfo) -> npt.NDArray[np.int64]:
    """Wall-clock time of each moment in a time zone, as microseconds since 1970-01-01 on that clock."""
    flat = pd.DatetimeIndex(moments.ravel().astype("datetime64[us]"), tz="UTC").tz_convert(str(zone)).tz_localize(None)
    return flat.to_numpy().astype("datetime64[us]").astype(np.int64).reshape(moments.shape)


def business_clock(moments: npt.NDArray[np.int64], mapping: Mapping) -> npt.NDArray[np.float64]:
    """Business days elapsed since 1970 at each moment, any shape: it stands still on weekends and on the public
    holidays of the mapping's country. Differences of it are business days between two moments."""
    local = local_micros(moments, mapping.zone)
    day = local // DAY
    elapsed, working = _business_days(mapping.holidays)
    index = np.clip(day - (date(_FIRST_YEAR, 1, 1) - _EPOCH).days, 0, len(working) - 1)
    return elapsed[index] + working[index] * ((local - day * DAY) / DAY)


def rush_clock(moments: npt.NDArray[np.int64], mapping: Mapping) -> npt.NDArray[np.float64]:
    """Business days elapsed since 1970 that lay in the last two weeks of a fiscal quarter, when sales teams sign what
    they can, at each moment, any shape."""
    ends = quarter_ends(mapping)
    before = np.cumsum(business_clock(ends, mapping) - business_clock(ends - _RUSH, mapping))
    now = np.searchsorted(ends, moments)
    begun = np.minimum(ends[now] - _RUSH, moments)
    return before[now - 1] + business_clock(moments, mapping) - business_clock(begun, mapping)


@lru_cache(maxsize=16)
def _business_days(country: str | None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    import holidays

    days = np.arange(np.datetime64(f"{_FIRST_YEAR}-01-01"), np.datetime64(f"{_LAST_YEAR + 1}-01-01"))
    closed: list[date] = []
    if country:
        try:
            closed = list(holidays.country_holidays(country, years=range(_FIRST_YEAR, _LAST_YEAR + 1)))
        except NotImplementedError as error:
            raise BadInput(f"holidays: '{country}' is not a known country code, such as DE, NL or CN.") from error
    working = np.is_busday(days, holidays=np.array(closed, dtype="datetime64[D]")).astype(np.float64)
    return np.concatenate([[0.0], np.cumsum(working)[:-1]]), working
