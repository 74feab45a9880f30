"""Workbooks: .xlsx, .xlsm, .xls, .xlsb and .ods, a table to a sheet.

Rows have the numbers that the workbook shows. Dates come as datetime, numbers as float, formulas as the values that
were saved with them. In .xlsx and .xlsm, cells that show an error (#N/A), and formulas that were saved without a value,
are told apart from empty cells; in the older and the other kinds both look empty.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from features.errors import BadInput, nearest
from features.mapping import Source
from features.sources.header import LOOKED_AT, find_header
from features.sources.packed import kind_of
from features.sources.raw import (
    BrokenCell,
    Detected,
    RawTable,
    Unreadable,
    printable,
    with_nul_cells,
    without_extra_rows,
)
from features.sources.xml import elements

__all__ = ["read_excel"]

Merged = tuple[tuple[int, int], tuple[int, int]]  # first and last cell, each as (row, column) from 0
Broken = dict[tuple[int, int], tuple[str, str]]  # by (row, column) from 0: what a cell shows, and why it has no value


def read_excel(path: Path, name: str, source: Source, wanted: Collection[str]) -> list[RawTable]:
    """Read the sheets that the source names, the first visible one if it names none. Raises BadInput."""
    try:
        book = CalamineWorkbook.from_path(str(path))
    except (CalamineError, OSError) as error:
        raise BadInput(f"{name} cannot be read as an Excel file: {error}") from error
    with book:
        shown = [one.name for one in book.sheets_metadata
                 if one.typ == SheetTypeEnum.WorkSheet and one.visible == SheetVisibleEnum.Visible]
        tables = []
        for sheet in _sheets_asked(book, shown, source, name):
            where = name if len(book.sheet_names) == 1 else f"{name}, sheet '{printable(sheet)}'"
            try:
                cells = book.get_sheet_by_name(sheet)
                rows = cells.to_python(skip_empty_area=False)
            except (CalamineError, OSError, ValueError) as error:
                raise BadInput(f"{where} cannot be read: {error}") from error
            if source.sheet == "*" and not any(cell != "" for row in rows for cell in row):
                continue
            broken = _broken_cells(path, sheet, where) if kind_of(path) in (".xlsx", ".xlsm") else {}
            told = sheet if source.sheet is None and len(shown) > 1 else None
            tables.append(_table(where, rows, cells.merged_cell_ranges, broken, source, wanted, told))
    if not tables:
        raise BadInput(f"{name} is empty: none of its visible sheets has a cell.")
    return tables


def _sheets_asked(book: CalamineWorkbook, shown: list[str], source: Source, name: str) -> list[str]:
    asked = shown if source.sheet == "*" else source.sheet
    if asked is None:
        asked = shown[:1] or book.sheet_names[:1]
    asked = [asked] if isinstance(asked, str) else asked
    for sheet in asked:
        if sheet not in book.sheet_names:
            raise BadInput(f"{name} has no sheet '{sheet}'.{nearest(sheet, book.sheet_names)} "
                           f"It has: {', '.join(book.sheet_names)}.")
    return asked


def _table(where: str, rows: list[list[Any]], merged: list[Merged] | None, broken: Broken, source: Source,
           wanted: Collection[str], told: str | None) -> RawTable:
    """A sheet's rows as a table. `merged`: cells shown as one, None where the kind of file does not say."""
    declared = None if source.header_row is None else source.header_row - 1
    head = [[str(cell) for cell in row] for row in rows[:max(LOOKED_AT, source.header_row or 0) + 1]]
    header = find_header(head, wanted, where, declared, _spread_over_merged(head, merged))
    width = len(header.names)
    for (top, left), (bottom, _) in merged or ():
        for row in range(max(top, header.end) + 1, min(bottom + 1, len(rows))):
            rows[row][left] = rows[row][left] if top < header.end else rows[top][left]
    kept = [i for i in range(header.end, len(rows))
            if any(cell != "" for cell in rows[i][:width]) or any((i, column) in broken for column in range(width))]
    names = [printable(one) for one in header.names]
    columns = ([_cell(rows[row][i]) if i < len(rows[row]) else "" for row in kept] for i in range(width))
    frame = pd.DataFrame({i: pd.Series(column, dtype=object) for i, column in enumerate(columns)})
    frame.columns = pd.Index(names, dtype=object)
    position = {row: i for i, row in enumerate(kept)}
    cells = [BrokenCell(position[row], names[column], *what) for (row, column), what in broken.items()
             if row in position and column < width]
    line = header.first + 1 if header.first and declared is None else None
    raw = RawTable(where, frame, np.array(kept, dtype=np.int64) + 1, _beside(where, rows, header.end, width), cells,
                   Detected(sheet=told, header_line=line))
    return with_nul_cells(without_extra_rows(raw))


def _beside(where: str, rows: list[list[Any]], first: int, width: int) -> list[Unreadable]:
    """Rows with nothing below the header's columns, but with something beside them."""
    return [Unreadable(where, i + 1, None, printable(str(next(cell for cell in row[width:] if cell != ""))[:200]),
                       "has nothing below the columns that are named")
            for i, row in enumerate(rows[first:], first)
            if not any(cell != "" for cell in row[:width]) and any(cell != "" for cell in row[width:])]


def _spread_over_merged(head: list[list[str]], merged: list[Merged] | None) -> set[int] | None:
    """Repeat the text of merged cells in each of them; the rows in which names stand over several columns."""
    if merged is None:
        return None
    grouped = set()
    for (top, left), (bottom, right) in merged:
        if top >= len(head) or left >= len(head[top]):
            continue
        whole = left == 0 and right + 1 >= max(len(row) for row in head)
        if right > left and not whole:
            grouped.add(top)
        for row in range(top, min(bottom + 1, len(head))):
            for column in range(left, min(right + 1, len(head[row]))):
                if not whole:  # a title over the whole table names no column
                    head[row][column] = head[top][left]
    return grouped


def _cell(cell: Any) -> Any:
    """Dates as datetime, other cells as they are; a time of day alone is text."""
    if isinstance(cell, date) and not isinstance(cell, datetime):
        return datetime(cell.year, cell.month, cell.day)
    return cell.isoformat() if isinstance(cell, time) else cell


def _broken_cells(path: Path, sheet: str, where: str) -> Broken:
    """Cells of an .xlsx file that have no value to be read, by (row, column) from 0: what they show, and why."""
    try:
        with zipfile.ZipFile(path) as archive:
            part = _part_of_sheet(archive, sheet, where)
            if part is None or not _has_formulas_or_errors(archive, part):
                return {}
            with archive.open(part) as file:
                return dict(_errors_and_formulas(file, where))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise BadInput(f"{where} cannot be unpacked: {error}. It is damaged or was not copied whole.") from error


def _errors_and_formulas(file: IO[bytes], where: str) -> Iterator[tuple[tuple[int, int], tuple[str, str]]]:
    cell: dict[str, str] = {}
    formula, value = False, ""
    for event, name, attributes, text, _ in elements(file, where):
        if event == "start" and name == "c":
            cell, formula, value = attributes, False, ""
        elif event == "start" and name == "f":
            formula = True
        elif event == "end" and name == "v":
            value = text
        elif event == "end" and name == "c" and (place := _position(cell.get("r", ""))):
            if cell.get("t") == "e":
                yield place, (value, "shows an error of the workbook instead of a value")
            elif formula and not value and cell.get("t") != "str":  # "str" is a formula whose value is the empty text
                yield place, ("", "is a formula that was saved without its value: open the workbook, let it calculate, "
                                  "and save it again")


def _part_of_sheet(archive: zipfile.ZipFile, sheet: str, where: str) -> str | None:
    targets = {}
    try:
        with archive.open("xl/_rels/workbook.xml.rels") as file:
            for event, _, attributes, _, _ in elements(file, where):
                if event == "start" and "Target" in attributes:
                    targets[attributes.get("Id", "")] = posixpath.normpath(posixpath.join("/xl", attributes["Target"]))
        with archive.open("xl/workbook.xml") as file:
            for event, name, attributes, _, _ in elements(file, where):
                if event == "start" and name == "sheet" and attributes.get("name") == sheet:
                    relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
                    part = targets.get(relation, "").lstrip("/")
                    return part if part in archive.namelist() else None
    except KeyError:
        pass
    return None


def _has_formulas_or_errors(archive: zipfile.ZipFile, part: str) -> bool:
    """Most sheets have none: looking for them costs a fraction of reading the XML."""
    before = b""
    with archive.open(part) as file:
        while chunk := file.read(1 << 20):
            text = before + chunk
            if b't="e"' in text or b"<f" in text or b":f>" in text or b":f " in text:
                return True
            before = text[-8:]
    return False


def _position(place: str) -> tuple[int, int] | None:
    """"C2" is row 1, column 2, both counted from 0."""
    found = re.fullmatch(r"([A-Z]{1,3})([1-9]\d{0,7})", place)
    if not found:
        return None
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(found[2]) - 1, column - 1
