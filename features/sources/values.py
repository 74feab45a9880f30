"""Cells to the contract's values: text, times, numbers and money.

In: a column as the reader gave it (text, or cells typed by the file). Out: a `Parsed`, aligned with the column: the
values, and which cells cannot be read. An empty cell is no error: it is NaN in text and `EMPTY` in times. Text without
an offset is the company's own clock; where a clock is set back, the first of two equal hours is meant, and where it is
set forward, a time that did not exist is the moment of the change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.errors import BadInput
from features.mapping import FieldSpec, Mapping
from features.money import minor_digits, to_minor
from features.sources.styles import DAY_OR_MONTH_FIRST, Style

__all__ = ["CURRENCY_MARK", "EMPTY", "Parsed", "as_text", "by_distinct", "is_among", "parse_field", "parse_ids",
           "parse_times", "parse_whole", "replaced"]

EMPTY = np.iinfo(np.int64).min  # a missing time; the same bits as numpy's NaT
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_LARGEST_EXACT = 10**15  # Excel keeps 15 digits of a number

_OFFSET = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:?\d{2}.*(?:Z|[+-]\d{2}(?::?\d{2})?)$"
_YEAR_FIRST = r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]+(\d{1,2})\b|$)"
_CHINESE = ((r"^(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日?\s*", r"\1-\2-\3 "), (r"(\d)\s*[时時点]\s*", r"\1:"),
            (r"(\d)\s*分(\d)", r"\1:\2"), (r"(\d)\s*分", r"\1"), (r"(\d)\s*秒", r"\1"),
            (r"\s*(?:上午|凌晨|早上)\s*(\d[\d:]*)", r" \1 AM"), (r"\s*(?:下午|晚上)\s*(\d[\d:]*)", r" \1 PM"))
DAY_NUMBERS = (20_000, 80_000)  # of Excel's, from 1954 to 2119: smaller numbers are rather years or counts
_EXCEL_EPOCH_MILLIS = -2_209_161_600_000  # 1899-12-30
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
CURRENCY_MARK = r"\b[A-Z]{3}\b|[A-Z]{0,2}[$€£¥₹₩₽₺₴]|zł|\bkr\b\.?|Kč|%"
_HAN_NUMBERS = {"万": 10_000, "亿": 100_000_000}
_TRUTHS = {True: ("true", "yes", "on"), False: ("false", "no", "off")}
_NAMED_MONTHS = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%b %d %Y", "%B %d %Y")


@dataclass(frozen=True)
class Parsed:
    """values (n,), bad (n,) cells that cannot be read, and why."""

    values: pd.Series
    bad: npt.NDArray[np.bool_]
    reason: str


def as_text(column: pd.Series) -> pd.Series:
    """Cells as stripped text (n,), NaN where empty. Whole numbers have no decimal point."""
    text = column.str.strip() if isinstance(column.dtype, pd.StringDtype) else by_distinct(column, _text_of)
    return text.where(text != "", np.nan).astype("str").reset_index(drop=True)


def _text_of(cell: Any) -> str:
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, (bool, np.bool_)):
        return "true" if cell else "false"
    if isinstance(cell, (float, np.floating)):
        return str(int(cell)) if np.isfinite(cell) and cell == int(cell) else repr(float(cell))
    return cell.isoformat() if isinstance(cell, datetime) else str(cell)


def by_distinct(column: pd.Series, convert: Callable[[Any], str | None]) -> pd.Series:
    """Apply a function to each distinct cell; NaN where a cell is missing."""
    if column.dtype == object:
        # 1, 1.0 and True are equal, yet not the same text: the type keeps them apart.
        codes, typed = pd.factorize(pd.Series([(type(cell), cell) for cell in column], dtype=object))
        cells = [cell for _, cell in typed]
    else:
        codes, distinct = pd.factorize(column)
        cells = list(distinct)
    converted = [None if _is_missing(cell) else convert(cell) for cell in cells]
    return pd.Series(np.array([*converted, None], dtype=object)[codes], dtype="str")


def _is_missing(cell: Any) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and np.isnan(cell))


def is_among(texts: pd.Series, words: Iterable[str | int | float | bool]) -> npt.NDArray[np.bool_]:
    """Which texts (n,) are one of a mapping's words; in a word, * stands for anything ("006*"). YAML reads yes and on
    as true, no and off as false, so that each fits all of these, in capitals or not."""
    words = list(words)
    plain = {str(word) for word in words if not isinstance(word, bool)}
    truths = {text for word in words if isinstance(word, bool) for text in _TRUTHS[word]}
    found = texts.isin(plain) | texts.str.lower().isin(truths)
    for pattern in sorted(word for word in plain if "*" in word):
        form = ".*".join(re.escape(part) for part in pattern.split("*"))
        found |= texts.str.fullmatch(form, flags=re.DOTALL).fillna(False).astype(bool)
    return found.to_numpy(bool)


def parse_ids(column: pd.Series) -> Parsed:
    """Ids as text (n,). A number that is too long to be exact is not an id."""
    numbers = column.map(lambda cell: isinstance(cell, float) and abs(cell) >= _LARGEST_EXACT).to_numpy(bool) \
        if column.dtype == object or pd.api.types.is_float_dtype(column.dtype) else np.zeros(len(column), dtype=bool)
    return Parsed(as_text(column), numbers, "is a number whose last digits are lost; export the column as text")


def parse_whole(column: pd.Series) -> Parsed:
    """Whole numbers as int64 (n,), 0 where empty."""
    text = as_text(column)
    bad = text.notna() & ~text.str.fullmatch(r"[+-]?\d{1,19}").fillna(True).astype(bool)
    numbers = [int(one) for one in text.where(~bad, np.nan).fillna("0")]
    too_large = np.array([abs(one) > np.iinfo(np.int64).max for one in numbers], dtype=bool)
    values = pd.Series([0 if large else one for one, large in zip(numbers, too_large, strict=True)], dtype="int64")
    return Parsed(values, bad.to_numpy(bool) | too_large, "is not a whole number")


def parse_times(column: pd.Series, name: str, style: Style, zone: ZoneInfo) -> Parsed:
    """Times as int64 microseconds in UTC (n,), EMPTY where empty. A date is 00:00 of that day in `zone`.

    `name` is what the style knows the column by. A date that may be day or month first, and of which the style does not
    say it, cannot be read.
    """
    reason = f"is not a date{f' of the form {style.date_format}' if style.date_format else ''}"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        moments = column.reset_index(drop=True)
        micros = _micros(moments if moments.dt.tz is not None else _localize(moments, zone))
        return Parsed(micros, _out_of_range(micros), reason)
    column = column.reset_index(drop=True)
    text = as_text(column)
    if name in style.day_numbers:
        return _day_numbers(text, zone, reason)
    codes, distinct = pd.factorize(text)
    parsed = _micros(_read_texts(pd.Series(distinct, dtype="str"), style, name, zone))
    micros = pd.Series(np.append(parsed.to_numpy(), EMPTY)[codes])
    if column.dtype == object:
        typed = column.map(lambda cell: isinstance(cell, datetime)).to_numpy(bool)
        if typed.any():
            micros[typed] = _micros(_localize(pd.Series(pd.to_datetime(list(column[typed]))), zone)).to_numpy()
        # A workbook's date that lost its format is the number of its day.
        number = column.map(lambda cell: isinstance(cell, float)).to_numpy(bool) & text.notna().to_numpy(bool)
        if number.any():
            micros[number] = _day_numbers(text[number], zone, reason).values.to_numpy()
    bad = (text.notna() & (micros == EMPTY)).to_numpy(bool) | _out_of_range(micros)
    return Parsed(micros, bad, reason)


def _day_numbers(text: pd.Series, zone: ZoneInfo, reason: str) -> Parsed:
    """Excel's days since the end of 1899; a fraction is the time of day, exact to the millisecond."""
    days = pd.to_numeric(text, errors="coerce").astype(np.float64)
    days = days.where((days >= DAY_NUMBERS[0]) & (days < DAY_NUMBERS[1])).reset_index(drop=True)
    millis = np.round(days.fillna(0).to_numpy() * 86_400_000).astype(np.int64) + _EXCEL_EPOCH_MILLIS
    moments = pd.Series(millis.astype("datetime64[ms]")).where(days.notna())
    micros = _micros(_localize(moments, zone))
    return Parsed(micros, text.notna().to_numpy(bool) & (micros == EMPTY).to_numpy(bool), reason)


def _read_texts(texts: pd.Series, style: Style, name: str, zone: ZoneInfo) -> pd.Series:
    """Distinct texts as moments in UTC, NaT where none is meant."""
    found = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us, UTC]")
    date_format = style.date_format
    if date_format:
        # A source has one format, yet columns with and without a clock.
        forms = [date_format, date_format.split(" ")[0]]
        if "%H" not in date_format and "%I" not in date_format:
            forms += [date_format + clock for clock in _CLOCKS]
        found = _try_forms(texts, found, forms, zone)
        if date_format.startswith("%Y"):
            return found
    texts = _as_western(texts)
    aware = texts.str.contains(_OFFSET, regex=True).astype(bool)
    found = found.where(~(aware & found.isna()), _to_datetime(texts.where(aware), "ISO8601", utc=True))
    year_first = texts.str.match(_YEAR_FIRST).astype(bool) & ~aware
    dashed = texts.where(year_first & found.isna()).str.replace(_YEAR_FIRST, _padded, regex=True)
    found = found.fillna(_localize(_to_datetime(dashed, "ISO8601"), zone))
    found = _try_forms(dashed, found, ["%Y-%m-%d %I:%M %p", "%Y-%m-%d %I:%M:%S %p"], zone)
    if date_format:
        return found
    found = _try_forms(texts, found, _with_clocks(_NAMED_MONTHS), zone)
    return _read_day_or_month_first(found, texts, style.day_first.get(name), zone)


def _as_western(texts: pd.Series) -> pd.Series:
    """2025年3月4日 下午2:05 as 2025-3-4 2:05 PM; UTC as Z."""
    chinese = texts.str.contains("年", regex=False).astype(bool) | texts.str.contains("午", regex=False).astype(bool)
    if chinese.any():
        plain = texts[chinese]
        for form, ours in _CHINESE:
            plain = plain.str.replace(form, ours, regex=True)
        texts = texts.copy()
        texts[chinese] = plain.str.strip()
    return texts.str.replace(r"^(\d{4}-.*\d) ?(?:UTC|GMT)$", r"\1Z", regex=True)


def _padded(found: re.Match[str]) -> str:
    year, month, day, hour = found.groups()
    return f"{year}-{month:0>2}-{day:0>2}" + (f" {hour:0>2}" if hour else "")


def _read_day_or_month_first(found: pd.Series, texts: pd.Series, day_first: bool | None, zone: ZoneInfo) -> pd.Series:
    """31/12/2025 can only be read in one way, 31.12.2025 is always day first, 03/04/2025 as the column is."""
    if found.notna().all():
        return found
    parts = texts.where(found.isna()).str.extract(DAY_OR_MONTH_FIRST)
    first, second = (pd.to_numeric(parts[i], errors="coerce") for i in (0, 2))
    unclear = (parts[1] != ".") & (first <= 12) & (second <= 12) & (first != second)
    by_day = (parts[1] == ".") | (first > 12) | (first == second)
    if day_first is None:
        parts[1] = parts[1].where(~unclear)
    else:
        by_day |= unclear & day_first
    for mark in ("/", "-", "."):
        ours = parts[1] == mark
        found = _try_forms(texts.where(ours & by_day), found, _with_clocks([f"%d{mark}%m{mark}%Y"]), zone)
        found = _try_forms(texts.where(ours & ~by_day), found, _with_clocks([f"%m{mark}%d{mark}%Y"]), zone)
    return found


def _with_clocks(forms: tuple[str, ...] | list[str]) -> list[str]:
    return [form + clock for form in forms for clock in _CLOCKS]


def _try_forms(texts: pd.Series, found: pd.Series, forms: list[str], zone: ZoneInfo) -> pd.Series:
    """Fill what is not found yet by each form in turn."""
    for form in forms:
        missing = found.isna() & texts.notna()
        if not missing.any():
            break
        some = texts[missing]
        moments = _to_datetime(some, form, utc=True) if "%z" in form else _localize(_to_datetime(some, form), zone)
        found = found.fillna(moments.reindex(found.index))
    return found


def _to_datetime(texts: pd.Series, form: str, *, utc: bool = False) -> pd.Series:
    try:
        return pd.to_datetime(texts, format=form, errors="coerce", utc=utc).dt.as_unit("us")
    except ValueError as error:
        raise BadInput(f"date_format '{form}' cannot be used: {error}. Example: %d/%m/%Y for 31/12/2025.") from error


def _localize(naive: pd.Series, zone: ZoneInfo) -> pd.Series:
    first_of_two = np.ones(len(naive), dtype=bool)
    local = naive.dt.as_unit("us").dt.tz_localize(zone, ambiguous=first_of_two, nonexistent="shift_forward")
    moments: pd.Series = local.dt.tz_convert("UTC")
    return moments


def _micros(moments: pd.Series) -> pd.Series:
    utc = moments.dt.tz_convert("UTC").dt.as_unit("us").dt.tz_localize(None)
    return pd.Series(utc.to_numpy().astype("datetime64[us]").astype(np.int64))


def _out_of_range(micros: pd.Series) -> npt.NDArray[np.bool_]:
    low, high = (np.datetime64(f"{year}-01-01", "us").astype(np.int64) for year in (_FIRST_YEAR, _LAST_YEAR + 1))
    return ((micros != EMPTY) & ((micros < low) | (micros >= high))).to_numpy(bool)


def parse_field(column: pd.Series, spec: FieldSpec, style: Style, mapping: Mapping) -> Parsed:
    """A mapped field's cells as the contract's text (n,), NaN where empty.

    number: plain decimal text. money: integer minor units. date: ISO text in UTC. category, text: as it stands.
    """
    if spec.type == "date":
        times = parse_times(replaced(column, spec), spec.column, style, mapping.zone)
        return Parsed(_iso_texts(times.values), times.bad, times.reason)
    column = replaced(column, spec)
    if spec.type in ("category", "text"):
        return Parsed(as_text(column), np.zeros(len(column), dtype=bool), "")
    empty, decimal = as_text(column).isna(), style.decimals.get(spec.column, ".")
    values = _number_texts(column.reset_index(drop=True), decimal, mapping.currency, spec)
    bad = (values.isna() & ~empty).to_numpy(bool)
    return Parsed(values, bad, f"is not a number (decimal mark '{decimal}')")


def replaced(column: pd.Series, spec: FieldSpec) -> pd.Series:
    """The file's words replaced by ours."""
    if not spec.values:
        return column
    text = as_text(column)
    known = text.isin(list(spec.values))
    return column.reset_index(drop=True).astype(object).where(~known, text.map(spec.values).astype(object))


def _iso_texts(micros: pd.Series) -> pd.Series:
    codes, distinct = pd.factorize(micros.where(micros != EMPTY))
    texts = np.datetime_as_string(distinct.astype(np.int64).astype("datetime64[us]"), unit="us")
    texts = np.char.add(np.char.replace(texts, ".000000", ""), "Z") if len(texts) else texts
    return pd.Series(np.array([*texts.tolist(), None], dtype=object)[codes], dtype="str")


def _number_texts(column: pd.Series, decimal: str, currency: str, spec: FieldSpec) -> pd.Series:
    """Numbers' canonical texts (n,), NaN where a cell is no number. Those written plainly, which are most, at once."""
    def convert(cell: Any) -> str | None:
        return _number_text(cell, decimal, currency, spec)

    if not isinstance(column.dtype, pd.StringDtype) or decimal != "." or spec.times != 1:
        return by_distinct(column, convert)
    codes, distinct = pd.factorize(column)
    texts = pd.Series(distinct, dtype="str")
    found = texts.astype(object)
    digits = minor_digits(currency)
    if spec.type == "money":
        plain = texts.str.fullmatch(rf"-?[0-9]{{1,15}}(\.[0-9]{{1,{digits}}})?" if digits else "-?[0-9]{1,15}")
        decimals = (texts.str.len() - 1 - texts.str.find(".")).where(texts.str.contains(".", regex=False), 0)
        bare = texts.str.replace(".", "", regex=False)
        for n in range(digits + 1):
            ours = plain & (decimals == n)
            found[ours] = (bare[ours] + "0" * (digits - n)).astype(np.int64).astype("str").astype(object)
    else:
        plain = texts.str.fullmatch(r"0|-?[1-9][0-9]{0,14}|-?(0|[1-9][0-9]{0,14})\.[0-9]{0,8}[1-9]")
    found[~plain] = [convert(cell) for cell in texts[~plain]]
    return pd.Series(np.array([*found, None], dtype=object)[codes], dtype="str")


def _number_text(cell: Any, decimal: str, currency: str, spec: FieldSpec) -> str | None:
    """A number's canonical text, None when the cell is no number. Only text has a decimal mark to be told."""
    times = spec.times
    if isinstance(cell, str):
        in_han = re.fullmatch(r"(.*\d)\s*([万亿])元?", cell)  # 12.5万
        if in_han:
            cell, times = in_han[1], _HAN_NUMBERS[in_han[2]]
        plain = _plain_number(cell, decimal)
    else:
        plain = None if isinstance(cell, (bool, np.bool_, datetime)) else str(cell)
    try:
        number = Decimal(plain) if plain is not None else Decimal("NaN")
        if not number.is_finite() or abs(number.adjusted()) > 30:
            return None
        number *= times
        if spec.type == "money":
            return str(to_minor(number, currency))
    except InvalidOperation:
        return None
    text = f"{number.normalize():f}"
    return "0" if text == "-0" else text


def _plain_number(text: str, decimal: str) -> str | None:
    """"€ 1,234.50", "(12)" and "20 %" as Python reads numbers; None for what is no number, "1,23" among it."""
    negative = text.startswith("(") and text.endswith(")")
    text = re.sub(CURRENCY_MARK, "", text.strip("()").replace("−", "-")).strip()
    text = re.sub(r"(?<=\d)[.,][-–—]+$", "", text)  # "5,-" is a price without cents
    text = re.sub(r"(?<=\d)[\s'’](?=\d{3})", "", text)
    thousands = "," if decimal == "." else "."
    whole_part = rf"(?:([1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+)|(\d*))"
    form = rf"([+-]?){whole_part}(?:{re.escape(decimal)}(\d*))?(e[+-]?\d+)?"
    found = re.fullmatch(form, text, flags=re.IGNORECASE)
    if not found or not any(found.group(2, 3, 4)):
        return None
    whole = (found[2] or found[3]).replace(thousands, "")
    return f"{'-' if negative else found[1]}{whole or '0'}.{found[4] or '0'}{found[5] or ''}"
