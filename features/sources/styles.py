"""How a source's texts are written: the decimal mark and the order of day and month, column by column.

"1.234,50" and "31/12/2025" can be read in one way only, and settle it for their column; "1,234" and "03/04/2025" do
not. A column that settles nothing follows the other columns of its file where those agree. Where nothing settles it,
nothing is guessed: the message says what to declare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import pandas as pd

from features.errors import BadInput
from features.mapping import Source

__all__ = ["DAY_OR_MONTH_FIRST", "Style", "find_style"]

Mark = Literal[".", ","]
Columns = Sequence[tuple[str, pd.Series]]
Answer = TypeVar("Answer", bound="bool | Mark")
# What distinct texts settle, one of them that this is needed for, and whether some contradict others.
Settle = Callable[[pd.Series], tuple[Answer | None, str | None, bool]]
DAY_OR_MONTH_FIRST = r"^(\d{1,2})([-/.])(\d{1,2})[-/.]\d{4}(?:[T ,]|$)"
_DAY_NUMBER = r"^[2-7]\d{4}(?:[.]\d+)?$"  # Excel's days since 1900, from 1954 to 2119
# Digits with what can only be the one mark or the other: a group of thousands has three digits and no 0 in front.
_CERTAIN: dict[Mark, str] = {
    ".": r"\d{1,3}(?:,\d{3})+\.\d*|\d{1,3}(?:,\d{3}){2,}|\d*\.(?:\d{1,2}|\d{4,})|0\d*\.\d{3}|\d{4,}\.\d{3}",
    ",": r"\d{1,3}(?:\.\d{3})+,\d*|\d{1,3}(?:\.\d{3}){2,}|\d*,(?:\d{1,2}|\d{4,})|0\d*,\d{3}|\d{4,},\d{3}"}
_SLIPS = 0.1  # cells that contradict up to ten times as many others are slips: they are set aside when they are read

@dataclass(frozen=True)
class Style:
    """By column (of a field history: by the field's name in the file). What is not there has no texts in doubt.

    date_format : as declared. day_first : of dates such as 03/04/2025. day_numbers : columns of Excel's day numbers.
    """

    date_format: str | None = None
    decimals: dict[str, Mark] = field(default_factory=dict)
    day_first: dict[str, bool] = field(default_factory=dict)
    day_numbers: frozenset[str] = frozenset()
    told: tuple[str, ...] = ()


def find_style(source: Source, where: str, numbers: Columns, dates: Columns) -> Style:
    """The style of a source's columns, each given as its name and cells. Raises BadInput where it is in doubt."""
    told: list[str] = []
    numbers, dates = ([(name, _texts(cells)) for name, cells in columns] for columns in (numbers, dates))
    if source.decimal:
        decimals: dict[str, Mark] = {name: source.decimal for name, _ in numbers}
    else:
        decimals = _agreed(numbers, _decimal_mark, where, "numbers", "thousands or decimals. Set the source's decimal: "
                           "'.' or ','")
        told += sorted({{",": "1.234,50", ".": "1,234.50"}[mark] for mark in decimals.values()})
    if source.date_format:
        return Style(source.date_format, decimals, told=tuple(told))
    day_first = _agreed(dates, _day_first, where, "dates", "day or month first. Set the source's date_format: "
                        "'%d/%m/%Y' or '%m/%d/%Y', with the mark between them that the file has")
    told += sorted({"dates day first" if first else "dates month first" for first in day_first.values()})
    day_numbers = frozenset(name for name, texts in dates if _are_day_numbers(texts))
    if day_numbers:
        told.append(f"days numbered as in Excel: {', '.join(sorted(day_numbers))}")
    return Style(None, decimals, day_first, day_numbers, tuple(told))


def _agreed(columns: Columns, settle: Settle[Answer], where: str, kind: str, cure: str) -> dict[str, Answer]:
    """What each column settles; a column in doubt follows the others."""
    settled: dict[str, Answer] = {}
    doubtful: dict[str, tuple[str, bool]] = {}
    for name, texts in columns:
        answer, example, contradicts = settle(texts)
        if answer is not None:
            settled[name] = answer
        elif example is not None:
            doubtful[name] = example, contradicts
    others = set(settled.values())
    for name, (example, contradicts) in doubtful.items():
        if len(others) != 1 or contradicts:
            raise BadInput(f"{where}, column '{name}' holds {kind} such as {example}, which may be {cure}.")
        settled[name] = next(iter(others))
    return settled


def _texts(cells: pd.Series) -> pd.Series:
    """The distinct texts among cells; none where the file has given them a type."""
    if isinstance(cells.dtype, pd.StringDtype):
        texts = pd.Series(cells.dropna().unique(), dtype="str")
    elif cells.dtype == object:
        texts = pd.Series(list({cell for cell in cells if isinstance(cell, str)}), dtype="str")
    else:
        return pd.Series([], dtype="str")
    texts = texts.str.strip()
    return texts[texts != ""]


def _decimal_mark(texts: pd.Series) -> tuple[Mark | None, str | None, bool]:
    digits = texts.str.replace(r"[^0-9.,]", "", regex=True).str.strip(".,")
    certain = {mark: digits.str.fullmatch(form) for mark, form in _CERTAIN.items()}
    answer = _weigh(certain["."], certain[","])
    unclear = texts[digits.str.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}")]
    if answer is not None:
        return ("." if answer else ","), None, False
    if certain["."].any():
        return None, f"{texts[certain['.']].iloc[0]} beside {texts[certain[',']].iloc[0]}", True
    return None, (str(unclear.iloc[0]) if len(unclear) else None), False


def _day_first(texts: pd.Series) -> tuple[bool | None, str | None, bool]:
    parts = texts.str.extract(DAY_OR_MONTH_FIRST)
    slashed = parts[1].isin(["/", "-"])  # 31.12.2025 is always day first
    first, second = (pd.to_numeric(parts[i].where(slashed), errors="coerce") for i in (0, 2))
    day_first, month_first = (first > 12) & (second <= 12), (second > 12) & (first <= 12)
    unclear = texts[(first <= 12) & (second <= 12) & (first != second)]
    contradicts = bool(day_first.any() and month_first.any())
    if contradicts and not len(unclear):
        return None, None, False  # each can be read in its one way
    return _weigh(day_first, month_first), (str(unclear.iloc[0]) if len(unclear) else None), contradicts


def _weigh(ours: pd.Series, theirs: pd.Series) -> bool | None:
    """Whether what speaks for one reading settles it (True), for the other (False), or neither."""
    mine, other = int(ours.sum()), int(theirs.sum())
    if mine == other == 0 or min(mine, other) > _SLIPS * max(mine, other):
        return None
    return mine > other


def _are_day_numbers(texts: pd.Series) -> bool:
    return len(texts) > 0 and bool(texts.str.fullmatch(_DAY_NUMBER).all())
