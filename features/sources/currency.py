"""Amounts of another currency: told by the sign or code beside a number, or by a column that names the currency.

A mapping has one currency, in which everything is summed. Several countries share a sign: "$" is taken for any of the
dollars and pesos, so only what certainly is another currency is found.
"""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
from babel.numbers import get_currency_symbol

from features.mapping import FieldSpec
from features.sources.values import CURRENCY_MARK, by_distinct, replaced

__all__ = ["foreign_currencies", "foreign_signs"]

_USED_BY = {
    "$": "USD AUD CAD NZD SGD HKD TWD MXN ARS CLP COP UYU BRL DOP JMD TTD BSD BBD BZD BMD KYD XCD FJD GYD LRD NAD",
    "€": "EUR", "£": "GBP EGP LBP GIP FKP SHP", "¥": "JPY CNY", "₹": "INR", "₩": "KRW KPW", "₽": "RUB", "₺": "TRY",
    "₴": "UAH", "zł": "PLN", "kr": "SEK NOK DKK ISK", "Kč": "CZK"}


def foreign_signs(column: pd.Series, spec: FieldSpec, currency: str) -> pd.Series:
    """The first sign or code of another currency in each cell of money (n,), NaN where there is none."""
    return by_distinct(replaced(column, spec).reset_index(drop=True), lambda cell: _first_foreign(cell, currency))


def foreign_currencies(column: pd.Series, spec: FieldSpec, currency: str) -> pd.Series:
    """Cells that name a currency (n,), by code or sign: those that are not `currency`, NaN where it is or is empty."""
    def other(cell: Any) -> str | None:
        name = str(cell).strip()
        return None if not name or name.upper() == currency or _may_be(name, currency) else name

    return by_distinct(replaced(column, spec).reset_index(drop=True), other)


def _first_foreign(cell: Any, currency: str) -> str | None:
    marks = re.findall(CURRENCY_MARK, cell) if isinstance(cell, str) else []
    return next((mark for mark in marks if mark != "%" and not _may_be(mark, currency)), None)


def _may_be(mark: str, currency: str) -> bool:
    """Whether a sign or code may stand for a currency: "$", "US$" and "USD" for USD, "A$" and "AU$" for AUD."""
    if mark in (currency, get_currency_symbol(currency, locale="en")):
        return True
    letters, sign = re.fullmatch(r"([A-Z]{0,2})(.*?)\.?", mark).groups()  # type: ignore[union-attr]
    return currency in _USED_BY.get(sign, "").split() and currency.startswith(letters)
