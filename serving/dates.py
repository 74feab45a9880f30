"""Dates and periods as people give them: one rule for the command line, the API and the page.

In: text. Out: int64 microseconds in UTC, or a BadField that names what is to blame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from zoneinfo import ZoneInfo

from features.calendar import end_of_day, fiscal_quarter, iso, parse_as_of, parse_period
from features.errors import BadInput
from features.mapping import Mapping

__all__ = ["SILENCE_DAYS", "BadField", "blaming", "read_as_of", "read_moment", "read_period"]

SILENCE_DAYS = 14  # a log that ends longer than this before the moment asked about is worth a word
# A "+" in an address that was not written as %2B arrives as a space.
_LOST_PLUS = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:\d\d)$")


class BadField(BadInput):
    """A value that cannot be used, and the field or parameter that holds it."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


@contextmanager
def blaming(field: str) -> Iterator[None]:
    """Say of bad input in this block which field it came from. Raises BadField."""
    try:
        yield
    except BadInput as error:
        raise BadField(str(error), field) from error


def read_moment(text: str, zone: ZoneInfo, field: str) -> int:
    """Read a date or timestamp. Raises BadField."""
    with blaming(field):
        return parse_as_of(_LOST_PLUS.sub(r"\1+\2", text), zone)


def read_as_of(text: str | None, zone: ZoneInfo, today: int, clock: int) -> int:
    """Read what an answer is as of: a date, a timestamp, or today where it is None or "now".

    today : the clock, or the end of the log of a simulated company, which lives in a time of its own. Raises BadField,
    also for what is still to come.
    """
    if text is None or text == "now":
        return today
    as_of = read_moment(text, zone, "as_of")
    # A log ends with the last microsecond of a day, and as a date that end is written as the next day's 00:00.
    if as_of > max(today + 1, clock):
        raise BadField(f"{text} lies ahead: nothing is known of it. The latest that can be asked for is "
                       f"{iso(max(today, clock), zone)}; only a forecast's period may lie ahead.", "as_of")
    return as_of


def read_period(period: str | None, start: str | None, end: str | None, mapping: Mapping) -> tuple[int, int]:
    """Read a fiscal quarter, or without one the days or moments between which a period lies. Raises BadField.

    Days count whole, so the first and the last day of a fiscal quarter are that quarter; so are its ends with times.
    """
    if period is not None:
        with blaming("period"):
            return parse_period(period, mapping)
    start, end = start or "", end or ""
    first, last = read_moment(start, mapping.zone, "from"), read_moment(end, mapping.zone, "to")
    if _day(start) is not None:
        first -= 1  # a period is (from, to], and a win at 00:00 is of that day
    if (day := _day(end)) is not None:
        last = end_of_day(day, mapping.zone)
    if last <= first:
        raise BadField(f"The period is empty: its end, {end}, is not after its start, {start}. Give a later end.", "to")
    # With times, 00:00 of the first day and of the next quarter's are each a microsecond late.
    _, begins, ends = fiscal_quarter(first + 1, mapping)
    return (begins, ends) if first - begins in (0, 1) and last - ends in (0, 1) else (first, last)


def _day(text: str) -> date | None:
    """The day that a text names whole, None for one with a time."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
