"""One reader for tables: CSV (.csv, .tsv, .txt), Excel (.xlsx) and Parquet.

In: a file. Out: its rows as they stand, each with its line, nothing guessed: text stays text ("007", 19-digit ids),
only cells that the file itself types (Parquet columns, Excel numbers and dates) come as numbers and times. The header
is line 1 of a CSV file or a sheet; a Parquet file's rows are numbered from 1. Empty lines are passed over.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from python_calamine import CalamineError, CalamineWorkbook

from features.errors import BadInput, NotFound, nearest
from features.mapping import Source

__all__ = ["READABLE", "RawTable", "Unreadable", "find_files", "read_table"]

READABLE = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")
_CHUNK_ROWS = 50_000
_INTEGERS = {kind: pd.Int64Dtype() for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())}


@dataclass(frozen=True)
class Unreadable:
    """A row, or part of one, that cannot be read: where it stands and why. `cells` are the row's by column, None where
    it could not be split into the header's columns."""

    file: str
    line: int
    column: str | None
    value: str | None
    reason: str
    cells: dict[str, str | None] | None = None


@dataclass(frozen=True)
class RawTable:
    """A file's rows: frame (n, columns) and line (n,). `unreadable` are rows that do not fit the header."""

    name: str
    frame: pd.DataFrame
    line: npt.NDArray[np.int64]
    unreadable: list[Unreadable] = field(default_factory=list)

    def require(self, names: Iterable[str]) -> None:
        """Raise BadInput, listing the file's columns, unless it has each of `names` once."""
        columns = [str(name) for name in self.frame.columns]
        for name in names:
            if columns.count(name) == 1:
                continue
            if name in columns:
                raise BadInput(f"{self.name} has {columns.count(name)} columns named '{name}'; one must be renamed.")
            message = f"{self.name} has no column '{name}'.{nearest(name, columns)} It has: {', '.join(columns)}."
            if len(columns) == 1:
                message += " That is a single one: does the mapping's 'delimiter' fit the file?"
            raise BadInput(message)


def find_files(path: Path, source: Source) -> list[Path]:
    """The files of a source in an import's PATH, sorted by name; none when PATH is a file that is another source's.

    Raises NotFound when PATH is a folder that lacks them, BadInput when a folder leaves open which file is meant.
    """
    if not path.exists():
        near = nearest(path.name, (one.name for one in path.parent.iterdir())) if path.parent.is_dir() else ""
        raise NotFound(f"There is no file or folder {path}.{near}")
    if path.is_file():
        return [path] if source.file is None or path.match(source.file) else []
    present = sorted(one for one in path.rglob("*") if one.is_file() and one.suffix.lower() in READABLE)
    names = [one.relative_to(path).as_posix() for one in present]
    listed = f"It holds: {', '.join(names[:20]) or 'no CSV, .xlsx or Parquet file'}."
    if source.file is None:
        if len(present) != 1:
            raise BadInput(f"The mapping's source of {source.rows} names no file, so {path} must hold exactly one, or "
                           f"PATH must be the file itself. {listed}")
        return present
    if Path(source.file).is_absolute() or ".." in Path(source.file).parts:
        raise BadInput(f"file: '{source.file}' must lie in the folder that is imported, so that a mapping can be "
                       "used anywhere. Write a name or pattern relative to it.")
    found = sorted(one for one in path.glob(source.file) if one.is_file())
    if not found:
        raise NotFound(f"{path} has no file '{source.file}', which the mapping's source of {source.rows} needs."
                       f"{nearest(source.file, names)} {listed} Add the file, import one file by its own path, or "
                       "take the source out of the mapping.")
    return found


def read_table(path: Path, source: Source) -> RawTable:
    """Read a file by its ending. Raises BadInput when it cannot be read as what it is called."""
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".txt"):
        return _read_csv(path, source)
    if suffix == ".xlsx":
        return _read_excel(path, source.sheet)
    if suffix == ".parquet":
        return _read_parquet(path)
    cure = " Save it as .xlsx or CSV." if suffix in (".xls", ".ods", ".xlsb", ".xlsm") else ""
    raise BadInput(f"{path.name}: files of the kind '{suffix}' are not read.{cure} Readable: {', '.join(READABLE)}.")


def _read_csv(path: Path, source: Source) -> RawTable:
    delimiter = "\t" if path.suffix.lower() == ".tsv" and source.delimiter == "," else source.delimiter
    csv.field_size_limit(2**31 - 1)
    try:
        with path.open(newline="", encoding=source.encoding) as file:
            reader = csv.reader(file, delimiter=delimiter)
            header = [name.strip() for name in next(reader, [])]
            if not any(header):
                raise BadInput(f"{path.name} is empty: its first line must name the columns.")
            return _assemble(path.name, header, _csv_rows(reader))
    except UnicodeDecodeError as error:
        raise BadInput(f"{path.name} is not text in '{source.encoding}' (byte {error.start}). Set the source's "
                       "encoding, for Excel's CSV on Windows: cp1252.") from error
    except LookupError as error:
        raise BadInput(f"encoding '{source.encoding}' is not known. Common ones: utf-8, cp1252, latin-1.") from error
    except (csv.Error, TypeError) as error:
        raise BadInput(f"{path.name} cannot be read as CSV with the delimiter {delimiter!r}: {error}") from error


def _csv_rows(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which each begins: a quoted cell may hold line breaks."""
    line = reader.line_num + 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1


def _assemble(name: str, header: list[str], rows: Iterator[tuple[int, list[str]]]) -> RawTable:
    """Collect text rows by column, chunk by chunk, so that a large file never stands in memory as lists of cells."""
    parts, lines, unreadable = [], [], []
    width = len(header)
    while some := list(islice(rows, _CHUNK_ROWS)):
        fitting = [(line, row) for line, row in some if len(row) == width and any(row)]
        unreadable += [Unreadable(name, line, None, None, f"has {len(row)} values, but there are {width} columns")
                       for line, row in some if len(row) != width and any(cell.strip() for cell in row)]
        columns = list(zip(*(row for _, row in fitting), strict=True)) or [()] * width
        parts.append(pa.table([pa.array(column, pa.large_string()) for column in columns],
                              names=[str(i) for i in range(width)]))
        lines += [line for line, _ in fitting]
    if parts:
        frame = pa.concat_tables(parts).to_pandas()
    else:
        frame = pd.DataFrame({i: pd.Series([], dtype="str") for i in range(width)})
    frame.columns = pd.Index(header)
    return RawTable(name, frame, np.array(lines, dtype=np.int64), unreadable)


def _read_excel(path: Path, sheet: str | None) -> RawTable:
    try:
        book = CalamineWorkbook.from_path(str(path))
    except (CalamineError, OSError) as error:
        raise BadInput(f"{path.name} cannot be read as an Excel file: {error}") from error
    if sheet is not None and sheet not in book.sheet_names:
        raise BadInput(f"{path.name} has no sheet '{sheet}'.{nearest(sheet, book.sheet_names)} "
                       f"It has: {', '.join(book.sheet_names)}.")
    rows = book.get_sheet_by_name(sheet or book.sheet_names[0]).to_python(skip_empty_area=False)
    header = [str(name).strip() for name in rows[0]] if rows else []
    if not any(header):
        raise BadInput(f"{path.name} is empty: the first row of its sheet must name the columns.")
    width = max(i for i, name in enumerate(header) if name) + 1
    kept = [(i + 2, row[:width]) for i, row in enumerate(rows[1:]) if any(cell != "" for cell in row[:width])]
    columns = list(zip(*(row for _, row in kept), strict=True)) or [()] * width
    frame = pd.concat([pd.Series([_excel_cell(cell) for cell in column], dtype=object) for column in columns], axis=1)
    frame.columns = pd.Index(header[:width])
    return RawTable(path.name, frame, np.array([line for line, _ in kept], dtype=np.int64))


def _excel_cell(cell: Any) -> Any:
    """Dates as datetime, other cells as they are; a time of day alone is text."""
    if isinstance(cell, date) and not isinstance(cell, datetime):
        return datetime(cell.year, cell.month, cell.day)
    return cell.isoformat() if isinstance(cell, time) else cell


def _read_parquet(path: Path) -> RawTable:
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path.name} cannot be read as Parquet: {error}") from error
    # Whole numbers stay whole where some are missing, which a float column would not keep.
    frame = table.to_pandas(types_mapper=_INTEGERS.get, date_as_object=False, ignore_metadata=True)
    return RawTable(path.name, frame, np.arange(1, len(frame) + 1))
