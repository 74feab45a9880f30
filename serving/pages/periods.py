"""The periods a manager picks from, and how they are called."""

from __future__ import annotations

from dataclasses import dataclass

from babel.dates import format_interval

from features.calendar import DAY, fiscal_quarter, local_date, parse_period, parse_within
from features.mapping import Mapping
from serving.dates import blaming
from serving.pages.words import LOCALE

__all__ = ["Period", "choices", "period_at", "period_name"]


@dataclass(frozen=True)
class Period:
    """(start, end] in microseconds. value : what the address says. name : what the page says. dates : its days."""

    value: str
    name: str
    dates: str
    start: int
    end: int


def period_at(text: str | None, as_of: int, mapping: Mapping) -> Period:
    """The period that an address names: a fiscal quarter, days from `as_of` on (28d), or the quarter under way.

    On a quarter's last day that is the next one: nothing of this one can be changed any more. Raises BadInput.
    """
    if text is None:
        text = fiscal_quarter(as_of + DAY, mapping)[0]
    if "q" in text.casefold():
        with blaming("period"):
            start, end = parse_period(text, mapping)
        name = period_name(start, end, mapping)
        return Period(name, name, _days(start, end, mapping), start, end)
    with blaming("period"):
        days = parse_within(text)
    end = as_of + round(days * DAY)
    return Period(text, f"The next {days:g} days", _days(as_of, end, mapping), as_of, end)


def choices(as_of: int, chosen: Period, mapping: Mapping) -> dict[str, str]:
    """What the picker offers, by value: this and the next quarter, four weeks, and what the address names besides."""
    this, following = fiscal_quarter(as_of, mapping)[0], fiscal_quarter(as_of, mapping, ahead=1)[0]
    offered = {this: f"{this} (this quarter)", following: f"{following} (next quarter)", "28d": "The next 28 days"}
    offered.setdefault(chosen.value, chosen.name)
    return offered


def period_name(start: int, end: int, mapping: Mapping) -> str:
    """The fiscal quarter's name where the period is one, else its days."""
    name, first, last = fiscal_quarter(end, mapping)
    return name if (start, end) == (first, last) else _days(start, end, mapping)


def _days(start: int, end: int, mapping: Mapping) -> str:
    # (start, end]: it starts after the last microsecond of a day, and one that ends at 00:00 has nothing of that day.
    first, last = local_date(start + 1, mapping.zone), local_date(end - 1, mapping.zone)
    return format_interval(first, last, "yMMMd", locale=LOCALE).replace("\u2009", " ")
