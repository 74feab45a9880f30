"""Money: integer minor units inside (cents), major units with the currency's name outside.

A currency's number of decimals comes from CLDR (EUR 2, JPY 0, KWD 3). Amounts are rounded half to even, and are
never read through a float.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from babel.core import get_global
from babel.numbers import format_compact_currency, format_currency, get_currency_precision

from features.errors import BadInput, nearest

__all__ = ["format_money", "in_major", "minor_digits", "to_major", "to_minor"]


@lru_cache(maxsize=64)
def minor_digits(currency: str) -> int:
    """Decimals of a currency by its ISO code. Raises BadInput.

    >>> minor_digits("EUR"), minor_digits("JPY")
    (2, 0)
    """
    known = get_global("all_currencies")
    if currency not in known:
        raise BadInput(f"currency '{currency}' is not known; give an ISO code such as EUR or USD."
                       + nearest(currency, known))
    return int(get_currency_precision(currency))


def to_minor(amount: str | Decimal, currency: str) -> int:
    """Major units (text with a decimal point, or Decimal) as integer minor units. Raises ValueError.

    >>> to_minor("19.99", "EUR")
    1999
    """
    try:
        major = Decimal(amount)
        if major.is_finite():
            return int(major.scaleb(minor_digits(currency)).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    except InvalidOperation:  # no number, or one of more digits than any amount has
        pass
    raise ValueError(f"'{amount}' is not an amount")


def to_major(minor: float, currency: str) -> float:
    """Minor units (a sum or a mean, so possibly not whole) as major units, rounded to the currency's decimals.

    >>> to_major(1999, "EUR")
    19.99
    """
    digits = minor_digits(currency)
    return float(round(minor / 10**digits, digits))


def in_major(minor: npt.NDArray[np.float64], currency: str) -> npt.NDArray[np.float64]:
    """Minor units as major units, any shape, without rounding."""
    return minor / 10.0 ** minor_digits(currency)


def format_money(minor: float, currency: str, *, compact: bool = False, locale: str = "en") -> str:
    """Money as people read it, in whole minor units; `compact` keeps three figures or so, for headlines.

    >>> format_money(123456700, "EUR"), format_money(123456700, "EUR", compact=True)
    ('€1,234,567.00', '€1.23M')
    """
    # A mean is not whole, and the compact form writes every digit of what is less than a thousand.
    major = Decimal(str(minor)).quantize(Decimal(1), rounding=ROUND_HALF_EVEN).scaleb(-minor_digits(currency))
    if compact and (abs(major) >= 1000 or major == major.to_integral_value()):
        digits = 2 if abs(major) >= 1000 else 0
        return str(format_compact_currency(major, currency, locale=locale, fraction_digits=digits))
    return str(format_currency(major, currency, locale=locale))
