"""Columns that a file does not have itself: taken from another file by a key, or made from its other columns.

In: a `RawTable`, the source that asks for them, and the tables of the files to join. Out: the same rows with more
columns, so that whatever reads the rows finds them as if they had stood there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.added_columns import Join, Made
from features.errors import BadInput
from features.mapping import Source
from features.sources.tables import RawTable, find_files, read_tables
from features.sources.values import as_text

__all__ = ["file_columns", "table_to_join", "with_added_columns"]

_MONTHS = {name: i + 1 for i, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"))}
_WEEKDAYS = {name: i for i, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))}
_KEY = "(key)"


def file_columns(source: Source, needed: Collection[str]) -> set[str]:
    """Of the columns that a source needs, those that its own file must have."""
    inputs = {column for made in source.made.values() for column in made.inputs()} | {one.by for one in source.join}
    added = {*source.made, *(name for one in source.join for name in one.columns)}
    return {*needed, *inputs} - added


def table_to_join(folder: Path, join: Join, source: Source) -> RawTable:
    """The file that a source of `folder` joins. Raises NotFound or BadInput where there is not exactly one."""
    theirs = source.model_copy(update={"file": join.file, "sheet": join.sheet, "delimiter": None, "encoding": None,
                                       "header_row": None})
    files = find_files(folder, theirs)
    if len(files) != 1:
        raise BadInput(f"'{join.file}' must be one file to join, but {', '.join(one.name for one in files)} fit it.")
    return read_tables(files[0], theirs, {join.key or join.by, *join.columns.values()})[0]


def with_added_columns(raw: RawTable, source: Source, to_join: Sequence[RawTable]) -> RawTable:
    """The table with the source's joined and made columns; `to_join` are the tables of its joins. Raises BadInput where
    a column stands there already, a key has several rows that differ, or a file lacks a column."""
    for join, other in zip(source.join, to_join, strict=True):
        raw.require([join.by])
        for name in join.columns:
            _must_be_new(raw, name)
        raw = replace(raw, frame=raw.frame.assign(**_joined(raw, join, other)))
    for name, made in source.made.items():
        _must_be_new(raw, name)
        raw.require(made.inputs())
        raw = replace(raw, frame=raw.frame.assign(**{name: _made(raw.frame, made)}))
    return raw


def _must_be_new(raw: RawTable, name: str) -> None:
    if name in raw.frame.columns:
        raise BadInput(f"{raw.name} has a column '{name}' already; call the added one by another name.")


def _joined(raw: RawTable, join: Join, other: RawTable) -> dict[str, pd.Series]:
    key = join.key or join.by
    other.require([key, *join.columns.values()])
    theirs = other.frame[list(dict.fromkeys(join.columns.values()))].assign(**{_KEY: as_text(other.frame[key])})
    theirs = theirs[theirs[_KEY].notna()]
    theirs = theirs[~theirs.astype("str").duplicated()]
    twice = sorted(theirs.loc[theirs[_KEY].duplicated(), _KEY].unique())
    if twice:
        raise BadInput(f"{other.name} has several rows with different values for '{key}' {', '.join(twice[:3])}"
                       f"{f' and {len(twice) - 3} more' if len(twice) > 3 else ''}, so {raw.name} cannot take columns "
                       "from it by that. Join by a column whose values stand there once.")
    keys = as_text(raw.frame[join.by])
    keys = keys.map(join.values).astype("str").fillna(keys) if join.values else keys
    theirs = theirs.set_index(_KEY)
    return {name: theirs[column].reindex(keys).set_axis(raw.frame.index) for name, column in join.columns.items()}


def _made(frame: pd.DataFrame, made: Made) -> pd.Series:
    if made.after is not None:
        return pd.Series(pd.to_datetime(as_text(frame[made.after]), errors="coerce", format="ISO8601").to_numpy(),
                         index=frame.index).astype("datetime64[us]") + timedelta(days=made.days)
    assert made.start is not None
    order = pd.to_numeric(as_text(frame[str(made.order)]), errors="coerce").to_numpy(np.float64)
    month = _numbers(frame, made.month, _MONTHS)
    weekday = _numbers(frame, made.weekday, _WEEKDAYS)
    known = ~np.isnan(order) & (month >= -1) & (weekday >= -1)
    rows = np.flatnonzero(known)[np.argsort(order[known], kind="stable")]
    begins = np.ones(len(rows), dtype=bool)
    begins[1:] = (month[rows[1:]] != month[rows[:-1]]) | (weekday[rows[1:]] != weekday[rows[:-1]])
    days: list[date] = []
    day = made.start
    for row in rows[begins].tolist():  # once for each run of rows with the same month and weekday
        day = _next_day(day, int(month[row]), int(weekday[row]))
        days.append(day)
    found = np.full(len(frame), np.datetime64("NaT", "us"))
    found[rows] = np.array([datetime(one.year, one.month, one.day) for one in days],
                           dtype="datetime64[us]")[np.cumsum(begins) - 1]
    return pd.Series(found, index=frame.index)


def _numbers(frame: pd.DataFrame, column: str | None, names: dict[str, int]) -> npt.NDArray[np.int64]:
    """Months or weekdays as numbers (n,); -1 where none is asked for, -2 where the cell is none."""
    if column is None:
        return np.full(len(frame), -1, dtype=np.int64)
    texts = as_text(frame[column]).str.lower()
    found = texts.str[:3].map(names).fillna(pd.to_numeric(texts, errors="coerce"))
    return np.asarray(found.where(found.isin(list(names.values())), -2), dtype=np.int64)


def _next_day(day: date, month: int, weekday: int) -> date:
    """The first day on or after one that lies in the month and on the weekday, where these are asked for."""
    if month >= 0 and day.month != month:
        day = date(day.year + (month < day.month), month, 1)
    while weekday >= 0 and day.weekday() != weekday:
        day += timedelta(days=1)
    return day if month < 0 or day.month == month else _next_day(day, month, weekday)
