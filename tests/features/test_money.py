from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import BadInput
from features.money import format_money, minor_digits, to_major, to_minor


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3)])
def test_decimals_are_the_currency_s_own(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


def test_an_unknown_currency_suggests_the_nearest() -> None:
    with pytest.raises(BadInput, match=r"currency 'EURO' is not known.*Did you mean 'EUR'"):
        minor_digits("EURO")


@pytest.mark.parametrize(("amount", "minor"), [("0.005", 0), ("0.015", 2), ("0.025", 2), ("-0.015", -2)])
def test_halves_are_rounded_to_even(amount: str, minor: int) -> None:
    assert to_minor(amount, "EUR") == minor


@pytest.mark.parametrize("amount", ["twelve", "", "NaN", "Infinity"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        to_minor(amount, "EUR")


@given(st.integers(min_value=-10**25, max_value=10**25), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_no_amount_loses_a_cent_on_its_way_in(minor: int, currency: str) -> None:
    assert to_minor(Decimal(minor).scaleb(-minor_digits(currency)), currency) == minor


def test_money_goes_out_in_major_units() -> None:
    assert to_major(1999, "EUR") == 19.99
    assert to_major(1999, "JPY") == 1999
    assert to_major(1234.567, "EUR") == 12.35  # a mean of cents is not whole


def test_money_is_written_as_people_read_it() -> None:
    assert format_money(123456700, "EUR") == "€1,234,567.00"
    assert format_money(123456700, "EUR", compact=True) == "€1.23M"
    assert format_money(99900, "EUR", compact=True) == "€999"
    assert format_money(1234, "JPY") == "¥1,234"


@pytest.mark.parametrize(("minor", "currency", "written"), [
    (97060.60769230769, "EUR", "€970.61"), (-97060.60769230769, "EUR", "-€970.61"), (97060.2, "EUR", "€970.60"),
    (0.4, "EUR", "€0"), (97000.4, "EUR", "€970"),
    (97060.60769230769, "JPY", "¥97.06K"), (970.6060769230769, "JPY", "¥971"), (1e17, "EUR", "€1000T"),
])
def test_a_mean_of_money_is_written_in_whole_minor_units(minor: float, currency: str, written: str) -> None:
    assert format_money(minor, currency, compact=True) == written
