"""Currencies of amounts: told by the sign or code beside a number, by a column that names the currency, or by the
source. What none of these tells is in the company's own.

Several countries share a sign: "$" is taken for the row's own currency where that is one of the dollars and pesos;
where it is not, the sign alone does not say which is meant, and the amount cannot be read.
"""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
from babel.core import get_global
from babel.numbers import get_currency_symbol

from features.mapping import FieldSpec
from features.sources.values import CURRENCY_MARK, by_distinct, replaced

__all__ = ["amount_currencies", "is_currency", "named_currencies"]

_USED_BY = {
    "$": "USD AUD CAD NZD SGD HKD TWD MXN ARS CLP COP UYU BRL DOP JMD TTD BSD BBD BZD BMD KYD XCD FJD GYD LRD NAD",
    "€": "EUR", "£": "GBP EGP LBP GIP FKP SHP", "¥": "JPY CNY", "₹": "INR", "₩": "KRW KPW", "₽": "RUB", "₺": "TRY",
    "₴": "UAH", "zł": "PLN", "kr": "SEK NOK DKK ISK", "Kč": "CZK"}


def named_currencies(column: pd.Series, spec: FieldSpec | None) -> pd.Series:
    """Cells that name a currency (n,) as its ISO code; what names none, or several, stays as it is; NaN where empty."""
    cells = column if spec is None else replaced(column, spec)
    return by_distinct(cells.reset_index(drop=True), lambda cell: _code(str(cell).strip()) or None)


def amount_currencies(column: pd.Series, spec: FieldSpec, currency: pd.Series) -> pd.Series:
    """Currency of each cell of money (n,): the code or sign in it, else that of its row, `currency` (n,)."""
    cells = replaced(column, spec).reset_index(drop=True)
    if isinstance(cells.dtype, pd.StringDtype):
        cells = cells.where(cells.str.contains(r"[^-+0-9.,() ]"))  # mere numbers, as most are, hold no mark
    marks = by_distinct(cells, _first_mark)
    pairs = pd.DataFrame({"mark": marks, "row": currency.reset_index(drop=True)})
    marked = pairs["mark"].notna()
    if not marked.any():
        return pairs["row"]
    told = {(mark, row): row if _may_be(mark, row) else _code(mark)
            for mark, row in pairs[marked].drop_duplicates().itertuples(index=False)}
    own = [told[pair] for pair in zip(pairs.loc[marked, "mark"], pairs.loc[marked, "row"], strict=True)]
    pairs.loc[marked, "row"] = pd.Series(own, index=pairs.index[marked], dtype="str")
    return pairs["row"]


def is_currency(name: str) -> bool:
    """Whether a word is the ISO code of a currency."""
    return name in get_global("all_currencies")


def _first_mark(cell: Any) -> str | None:
    marks = re.findall(CURRENCY_MARK, cell) if isinstance(cell, str) else []
    return next((mark for mark in marks if mark != "%"), None)


def _code(name: str) -> str:
    """The ISO code that a word or sign stands for; the word itself where that is none, or one of several."""
    if is_currency(name.upper()):
        return name.upper()
    letters, sign = re.fullmatch(r"([A-Z]{0,2})(.*?)\.?", name, flags=re.DOTALL).groups()  # type: ignore[union-attr]
    users = [one for one in _USED_BY.get(sign, "").split() if one.startswith(letters)]
    return users[0] if len(users) == 1 else name


def _may_be(mark: str, currency: str) -> bool:
    """Whether a sign or code may stand for a currency: "$", "US$" and "USD" for USD, "A$" and "AU$" for AUD."""
    if mark in (currency, get_currency_symbol(currency, locale="en")):
        return True
    letters, sign = re.fullmatch(r"([A-Z]{0,2})(.*?)\.?", mark).groups()  # type: ignore[union-attr]
    return currency in _USED_BY.get(sign, "").split() and currency.startswith(letters)
