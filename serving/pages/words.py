"""Numbers and dates as people read them. None and NaN become a dash, so that a gap looks like one."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any

from babel.dates import format_date
from babel.numbers import format_compact_currency, format_currency, format_decimal, format_percent

__all__ = ["GAP", "LOCALE", "came_of_calls", "day", "fine_percent", "moment", "money", "number", "percent", "points",
           "short_money"]

LOCALE = "en_GB"  # English, with the day before the month
GAP = "–"


def short_money(amount: float | None, currency: str) -> str:
    """Money at a glance: at most three figures, in major units.

    >>> short_money(1_940_000, "EUR")
    '€1.9M'
    >>> short_money(429_600, "EUR")
    '€430K'
    """
    if amount is None or math.isnan(amount):
        return GAP
    rounded = float(f"{amount:.3g}")
    if abs(rounded) < 1_000:
        return money(rounded, currency)
    return format_compact_currency(rounded, currency, locale=LOCALE, fraction_digits=1).replace(".0", "")


def money(amount: float | None, currency: str) -> str:
    """Money in whole major units: cents of a forecast mean nothing.

    >>> money(48_250.4, "EUR")
    '€48,250'
    """
    if amount is None or math.isnan(amount):
        return GAP
    return format_currency(round(amount), currency, format="¤#,##0", locale=LOCALE, currency_digits=False)


def number(value: float | None, digits: int = 0) -> str:
    if value is None or math.isnan(value):
        return GAP
    return format_decimal(round(value, digits), locale=LOCALE)


def percent(share: float | None) -> str:
    """A share as whole percent, never a flat 0% or 100% of what is only nearly so.

    >>> percent(0.004), percent(0.31), percent(0.999)
    ('<1%', '31%', '>99%')
    """
    if share is None or math.isnan(share):
        return GAP
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return format_percent(share, locale=LOCALE)


def came_of_calls(said: dict[str, Any]) -> str:
    """Which share of somebody's calls came, and in how many periods; who has none is taken to be like everybody.

    >>> came_of_calls({"came_of_called": 0.63, "periods": 3}), came_of_calls({"came_of_called": 0.71, "periods": 0})
    ('63% in 3', "everybody's 71%")
    >>> came_of_calls({})
    '–'
    """
    if "periods" not in said:
        return GAP
    share = percent(said["came_of_called"])
    return f"{share} in {said['periods']}" if said["periods"] else f"everybody's {share}"


def fine_percent(share: float) -> str:
    """A share with one decimal, for one that is looked at closely.

    >>> fine_percent(0.1573), fine_percent(0.0002), fine_percent(0.9999)
    ('15.7%', '<0.1%', '>99.9%')
    """
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{share:.1%}"


def points(value: float) -> str:
    """Percentage points with their sign; a true minus, as wide as the plus.

    >>> points(3.44), points(-0.02), points(-12.0)
    ('+3.4', '±0.0', '−12.0')
    """
    rounded = round(value, 1)
    if not rounded:
        return "±0.0"
    return f"{rounded:+.1f}".replace("-", "−")


def day(text: str | date | None) -> str:
    """A date (or an ISO text) as 14 Oct 2026."""
    if text is None or text == "" or (isinstance(text, float) and math.isnan(text)):
        return GAP
    if isinstance(text, str):
        text = datetime.fromisoformat(text).date()
    return format_date(text, "d MMM y", locale=LOCALE)


def moment(text: str) -> str:
    """An ISO timestamp as 14 Oct 2026, 17:30."""
    at = datetime.fromisoformat(text)
    return f"{format_date(at, 'd MMM y', locale=LOCALE)}, {at:%H:%M}"
