"""What every reader of files gives: a file's rows as they stand, each with its line, and how the file was read.

Nothing is made of the cells here: text stays text ("007", 19-digit ids); only cells that the file itself types (Parquet
columns, numbers and dates of a workbook, an event log's tags) come as numbers and times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from features.errors import BadInput, nearest

__all__ = ["BrokenCell", "Detected", "RawTable", "Unreadable", "arrow_frame", "assemble", "printable", "with_nul_cells"]

CHUNK_ROWS = 50_000
TEXT = pa.large_string()

# First words of the rows that a spreadsheet or a report puts below its table.
_TOTALS = {"total", "totals", "subtotal", "grand total", "sum", "summe", "gesamt", "gesamtsumme", "zwischensumme",
           "total general", "totale", "合计", "总计", "小计", "总和", "合計", "總計", "小計"}


@dataclass(frozen=True)
class Unreadable:
    """A row, or part of one, that cannot be read: where it stands and why. `cells` is the row as text, by column; None
    where its cells could not be told apart."""

    file: str
    line: int
    column: str | None
    value: str | None
    reason: str
    cells: dict[str, str | None] | None = None


@dataclass(frozen=True)
class BrokenCell:
    """A cell that the file itself says has no value to be used; only rows that need it cannot be read.
    row : position in the frame."""

    row: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class Detected:
    """How a file was found to be written, where its mapping does not say. None: not applicable, or as always."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_line: int | None = None

    def words(self) -> list[str]:
        marks = {"\t": "a tab", " ": "a space"}
        return [text for text in (
            self.encoding and f"read as {self.encoding}",
            self.delimiter and f"{marks.get(self.delimiter, repr(self.delimiter))} between columns",
            self.sheet and f"sheet '{self.sheet}'",
            self.header_line and f"columns named in line {self.header_line}") if text]


@dataclass(frozen=True)
class RawTable:
    """A file's rows, or a sheet's: frame (n, columns) and line (n,). `unreadable` are rows that do not fit the header,
    and those that are a total of others."""

    name: str
    frame: pd.DataFrame
    line: npt.NDArray[np.int64]
    unreadable: list[Unreadable] = field(default_factory=list)
    broken: list[BrokenCell] = field(default_factory=list)
    detected: Detected = Detected()

    def require(self, names: Iterable[str]) -> None:
        """Raise BadInput, listing the file's columns, unless it has each of `names` once."""
        columns = [str(name) for name in self.frame.columns]
        missing = []
        for name in sorted(names):
            if columns.count(name) > 1:
                raise BadInput(f"{self.name} has {columns.count(name)} columns named '{name}'; one must be renamed.")
            if name not in columns:
                missing.append(f"'{name}'.{nearest(name, columns)}")
        if missing:
            message = f"{self.name} has no column {' Nor '.join(missing)} It has: {', '.join(columns)}."
            if len(columns) == 1:
                message += " That is a single one: does the mapping's 'delimiter' fit the file?"
            raise BadInput(message)


def printable(text: str) -> str:
    """Text that any database and terminal takes: what is no character is replaced."""
    return "".join(one if one == "\t" or (one >= " " and not "\ud800" <= one <= "\udfff") else "\ufffd"
                   for one in text)


def assemble(name: str, header: list[str], rows: Iterator[tuple[int, list[str]]], detected: Detected) -> RawTable:
    """Collect text rows by column, chunk by chunk, so that a large file never stands in memory as lists of cells."""
    parts, lines, unreadable = [], [], []
    width = len(header)
    while some := list(islice(rows, CHUNK_ROWS)):
        fitting = []
        for line, row in some:
            if len(row) > width and not any(row[width:]):
                row = row[:width]  # a line that ends with delimiters of empty columns
            if len(row) == width and any(row):
                fitting.append((line, row))
            elif any(cell.strip() for cell in row):
                first = next(cell for cell in row if cell.strip())
                unreadable.append(Unreadable(name, line, None, printable(first[:200]),
                                             f"has {len(row)} values, but there are {width} columns"))
        columns = list(zip(*(row for _, row in fitting), strict=True)) or [()] * width
        parts.append(pa.table([_text_array(column) for column in columns], names=[str(i) for i in range(width)]))
        lines += [line for line, _ in fitting]
    table = pa.concat_tables(parts) if parts else pa.table([pa.array([], TEXT)] * width, [str(i) for i in range(width)])
    raw = RawTable(name, arrow_frame(table, header), np.array(lines, dtype=np.int64), unreadable, detected=detected)
    return with_nul_cells(without_extra_rows(raw))


def _text_array(column: tuple[str, ...]) -> pa.Array:
    try:
        return pa.array(column, TEXT)
    except UnicodeEncodeError:  # half of a pair of UTF-16, which is no character
        return pa.array([printable(cell) for cell in column], TEXT)


def arrow_frame(table: pa.Table, header: list[str]) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    frame.columns = pd.Index([printable(name) for name in header], dtype=object)
    return frame


def with_nul_cells(raw: RawTable) -> RawTable:
    """Mark cells with a NUL character, which no database keeps as text."""
    found = []
    for i, column in enumerate(raw.frame.columns):
        cells = raw.frame.iloc[:, i]
        if isinstance(cells.dtype, pd.StringDtype):
            has = pc.match_substring(pa.array(cells, TEXT), "\0").to_numpy(zero_copy_only=False)
            rows = np.flatnonzero(pd.Series(has).fillna(False).astype(bool))
        elif cells.dtype == object:
            rows = np.flatnonzero([isinstance(cell, str) and "\0" in cell for cell in cells])
        else:
            continue
        found += [BrokenCell(int(row), str(column), printable(str(cells.iloc[row])[:200]),
                             "holds a NUL character, which is no text; take it out") for row in rows]
    return RawTable(raw.name, raw.frame, raw.line, raw.unreadable, raw.broken + found, raw.detected) if found else raw


def without_extra_rows(raw: RawTable) -> RawTable:
    """Set aside what a report adds to a table: its header again, and totals of the rows above."""
    frame = raw.frame
    first = frame.iloc[:, :3].apply(lambda column: column.astype("str").str.strip())
    candidates = np.zeros(len(frame), dtype=bool)
    for i, column in enumerate(first.columns):
        cells = first.iloc[:, i]
        candidates |= cells.str.rstrip(":：").str.lower().isin(_TOTALS).to_numpy(bool)
        candidates |= (cells == str(column).strip()).to_numpy(bool) & (str(column).strip() != "")
    drop, reasons = [], []
    for row in np.flatnonzero(candidates):
        cells = ["" if pd.isna(cell) else str(cell).strip() for cell in frame.iloc[row]]
        filled = [cell for cell in cells if cell]
        if cells == [str(name).strip() for name in frame.columns]:
            reason = "repeats the header"
        elif filled[0].rstrip(":：").lower() in _TOTALS and 2 * len(filled) <= len(cells):
            reason = "is a total of other rows"
        else:
            continue
        drop.append(row)
        reasons.append(Unreadable(raw.name, int(raw.line[row]), None, printable(filled[0]), reason,
                                  dict(zip(map(str, frame.columns), (cell or None for cell in cells), strict=False))))
    if not drop:
        return raw
    keep = np.ones(len(frame), dtype=bool)
    keep[drop] = False
    place = np.cumsum(keep) - 1
    broken = [BrokenCell(int(place[one.row]), one.column, one.value, one.reason) for one in raw.broken if keep[one.row]]
    return RawTable(raw.name, frame[keep].reset_index(drop=True), raw.line[keep], raw.unreadable + reasons, broken,
                    raw.detected)
