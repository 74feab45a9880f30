"""What the values of a column look like, without knowing what it is called."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from features.drafting.naming import value_is
from features.drafting.words import Name, name_of, tokens_of, words
from features.sources.currency import is_currency
from features.sources.values import as_text

__all__ = ["Profile", "dates_of", "profile_column"]

_DATE = re.compile(
    r"^(?:\d{4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,2}日?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}"
    r"|[A-Za-z]{3,9} \d{1,2},? \d{4})(?:[T ,].*)?$")
_SLASHED = re.compile(r"^(\d{1,2})([-/])(\d{1,2})[-/]\d{4}")
_NUMBER = re.compile(r"^[+-]?[(]?(?:(?P<before>[A-Z]{3})\s|[A-Z]{0,2}[$€£¥₹]\s?)?[+-]?(?:\d{1,3}(?:[ "
                     r",.'’\u00a0]\d{3})+|\d+)(?:[.,]\d+)?"
                     r"\s?(?:e[+-]?\d+)?[)]?\s?(?:%|万元?|亿元?|元|[kKmM]|[$€£¥₹]|(?P<after>[A-Z]{3}))?$")
_MONEY = re.compile(r"[$€£¥₹]|元|\b(?:EUR|USD|CNY|RMB|GBP|JPY|CHF)\b")
_HAN_FACTOR = re.compile(r"\d\s?([万亿])")
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$")
_ID = re.compile(r"^(?=.*\d)[A-Za-z0-9_\-+/=]{4,}$|^[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}$")
_PHONE = re.compile(r"^[+(]?\d[\d\s()\-/.]{6,}$")
_MULTI = re.compile(r"[;|、；]|\s/\s")
_LOOKED_AT = 2_000  # different values are enough to tell what a column holds


@dataclass(frozen=True)
class Profile:
    """A column. `kind` is empty, boolean, date, number, money, email, id, person, country, category, multi or text;
    `share` is how many of the filled cells are of that kind. `text` (n,) has the cells as text, NaN where empty."""

    name: str
    words: Name
    kind: str
    share: float
    filled: float
    distinct: int
    unique: bool
    examples: tuple[str, ...]
    text: pd.Series = field(repr=False)
    whole: bool = False
    date_format: str | None = None
    date_doubt: str = ""
    value_factor: int = 1

    def of(self, *kinds: str) -> bool:
        return self.kind in kinds

    @property
    def few(self) -> bool:
        """Whether its values repeat, as those of a category do."""
        return 1 <= self.distinct <= 40 and (self.distinct <= 12 or self.distinct < len(self.text) * 0.5)

    def says(self) -> str:
        """"98% numbers", as a reason."""
        plural = {"boolean": "yes or no", "date": "dates", "number": "numbers", "money": "amounts of money",
                  "email": "e-mail addresses", "id": "ids", "person": "people's names", "country": "countries",
                  "category": "words that repeat", "multi": "lists of words", "text": "free text", "empty": "empty"}
        return f"{self.share:.0%} {plural[self.kind]}" if self.kind != "empty" else "no cell is filled"


def profile_column(column: pd.Series, header: str) -> Profile:
    """Describe one column of a table."""
    text = as_text(column)
    counts = text.value_counts()
    n = int(counts.sum())
    unique = n > 0 and len(counts) == n
    values = [str(one) for one in counts.index[:_LOOKED_AT]]
    made = Profile(header, name_of(header), "empty", 1.0, n / max(1, len(text)), len(counts), unique,
                   tuple(one[:40] for one in values[:5]), text)
    if not n:
        return made
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return replace(made, kind="date")
    weight = counts.iloc[:_LOOKED_AT].to_numpy(float)
    shares = {kind: float(weight[[bool(test(value)) for value in values]].sum() / weight.sum())
              for kind, test in _TESTS.items()}
    kind, share = _kind(shares, len(counts), n, unique, values)
    form, doubt = _date_form([str(one) for one in counts.index]) if kind == "date" else (None, "")
    return replace(made, kind=kind, share=share, date_format=form, date_doubt=doubt,
                   whole=kind == "number" and all(re.fullmatch(r"[+-]?\d+", value) for value in values),
                   value_factor=_value_factor(values) if kind in ("number", "money") else 1)


def _number(value: str) -> bool:
    """Three letters beside the digits are a currency's, or it is an id such as 006000000000001AAA."""
    found = _NUMBER.match(value)
    return bool(found) and all(is_currency(code) for code in found.group("before", "after") if code)  # type: ignore[union-attr]


def _boolean(value: str) -> bool:
    tokens = tokens_of(value)
    return value_is(tokens, "yes") or value_is(tokens, "no")


def _person(value: str) -> bool:
    if re.fullmatch(r"[\u4e00-\u9fff]{2,4}", value):
        return value[0] in words().surnames and len(value) <= 3
    return bool(re.fullmatch(r"[A-ZÀ-Þ][\w'’.-]+(?: [A-ZÀ-Þ][\w'’.-]*){1,2}", value)) and not any(c.isdigit()
                                                                                                  for c in value)


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    from babel import Locale

    names: set[str] = set()
    for language in ("en", "zh", "de"):
        its = Locale(language).territories
        codes = [str(code) for code in its if len(str(code)) == 2]
        names |= {str(its[code]).casefold() for code in codes} | {code.casefold() for code in codes}
    return frozenset({*names, "usa", "uk", "中国大陆"})


_TESTS: dict[str, Callable[[str], object]] = {
    "date": _DATE.match, "number": _number, "email": _EMAIL.match, "boolean": _boolean,
          "id": _ID.match, "person": _person, "country": lambda value: value.casefold() in _countries(),
          "money": lambda value: bool(_number(value) and _MONEY.search(value)),
          "multi": _MULTI.search, "phone": _PHONE.match}


def _kind(shares: dict[str, float], distinct: int, n: int, unique: bool, values: list[str]) -> tuple[str, float]:
    """The narrowest kind that nearly all cells have."""
    for kind, needed in (("date", 0.8), ("email", 0.8), ("money", 0.5)):
        if shares[kind] >= needed:
            return kind, shares[kind]
    if shares["boolean"] >= 0.99 and distinct <= 3 and not (shares["number"] > 0.99 and distinct == 1):
        return "boolean", shares["boolean"]
    if shares["number"] >= 0.8:
        return "number", shares["number"]
    if shares["country"] >= 0.9 and distinct <= 250:
        return "country", shares["country"]
    if shares["id"] >= 0.9 and max(len(value) for value in values) <= 64 and distinct > 12:
        return "id", shares["id"]
    if shares["phone"] >= 0.8:
        return "text", 1.0
    if shares["multi"] >= 0.3 and not unique:
        return "multi", shares["multi"]
    long = float(np.mean([len(value) for value in values]))
    repeats = distinct <= 12 or distinct < n * 0.5
    if shares["person"] >= 0.8 and (distinct > 1):
        return "person", shares["person"]
    if repeats and long < 60:
        return "category", 1.0
    return "text", 1.0


def _date_form(values: list[str]) -> tuple[str | None, str]:
    """The date_format that the cells need, None where none is needed; and what is unclear about it."""
    found = [one for one in (_SLASHED.match(value) for value in values) if one]
    if not found or len(found) < len(values) * 0.5:
        return None, ""
    mark = found[0][2]
    day_first, month_first = f"%d{mark}%m{mark}%Y", f"%m{mark}%d{mark}%Y"
    first, second = max(int(one[1]) for one in found), max(int(one[3]) for one in found)
    if first > 12 and second > 12:
        return None, f"some dates have the day first and some the month ({_two_examples(found)})"
    if first > 12:
        return day_first, ""
    if second > 12:
        return month_first, ""
    return None, f"dates such as {found[0].string} may be day first ({day_first}) or month first ({month_first})"


def _two_examples(found: list[re.Match[str]]) -> str:
    return " and ".join(next(one.string for one in found if int(one[i]) > 12) for i in (1, 3))


def _value_factor(values: list[str]) -> int:
    """10,000 where the cells themselves are written in 万."""
    marks = [one[1] for one in (_HAN_FACTOR.search(value) for value in values) if one]
    return words().factors[max(set(marks), key=marks.count)] if len(marks) > len(values) * 0.5 else 1


def dates_of(profile: Profile, date_format: str | None = None) -> pd.Series:
    """A date column's cells as moments (n,), NaT where empty or not a date; only to compare them."""
    form = profile.date_format or date_format
    text = profile.text.astype(object)
    if form and (not profile.date_format or form == profile.date_format):
        day = pd.to_datetime(text.where(text.notna(), None), format=form, errors="coerce", exact=False)
        if day.notna().any():
            return day
    text = profile.text.str.replace(r"^(\d{1,2})\.(\d{1,2})\.(\d{4})", r"\3-\2-\1", regex=True)
    text = text.str.replace(r"^(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日?", r"\1-\2-\3 ", regex=True).str.strip()
    moments = pd.to_datetime(text.astype(object), errors="coerce", utc=True, format="mixed")
    return moments.dt.tz_localize(None)
