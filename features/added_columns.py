"""What a mapping may add to a file's own columns: those of another file, and dates made from others."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from features.strict import Strict

__all__ = ["Join", "Made"]


class Join(Strict):
    """Columns of another file, put beside a source's own by a key. A row without a partner has empty cells there."""

    file: str
    """The other file's name, or a pattern that one file fits."""
    sheet: str | None = None
    """Excel: the other file's sheet, if it is not the first."""
    by: str
    """The column of this file that names the row of the other."""
    key: str | None = None
    """The other file's column that holds those names, if it is called otherwise."""
    columns: dict[str, str]
    """What to take: the name that a column gets here, to its name there."""
    values: dict[str, str] = {}
    """This file's words to the other's, where they are spelt differently."""


class Made(Strict):
    """A date that the file does not have, made from other columns. The import report says that it is made.

    By order: rows stand in the order of time, and each is on the first day, on or after that of the row before, that
    lies in its month and on its weekday. By distance: so many days after another date.
    """

    order: str | None = None
    """The column whose numbers put the rows in the order of time."""
    month: str | None = None
    """The column with the month, by its English name or number."""
    weekday: str | None = None
    """The column with the weekday, by its English name."""
    start: Annotated[date | None, Field(alias="from")] = None
    """The first day that the file can speak of."""
    after: str | None = None
    """The column with a date that this one comes after: a made one, or one that is written as 2025-12-31."""
    days: Annotated[float, Field(gt=0)] = 1.0
    """How many days after it."""

    @model_validator(mode="after")
    def _is_one_way(self) -> Made:
        by_order = (self.order, self.start, self.month or self.weekday)
        if self.after is None and None in by_order:
            raise ValueError("a date by order needs 'order', 'from', and 'month' or 'weekday'")
        if self.after is not None and (*by_order, self.month, self.weekday) != (None,) * 5:
            raise ValueError("'after' makes a date by distance: give 'days' beside it, and nothing else")
        return self

    def inputs(self) -> list[str]:
        return [one for one in (self.order, self.month, self.weekday, self.after) if one is not None]
