"""Tables as files: CSV, Excel (.xlsx) and Parquet. The same table gives the same bytes on any machine.

A cell's own dress: times are UTC with a Z in CSV, moments in UTC in Parquet and local time in Excel, which knows no
zones. A file takes its name once all are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from features.calendar import DAY, local_micros
from features.errors import BadInput, nearest
from simulation.tables import KEY, TIMES, column_as_text, column_as_typed, is_date

__all__ = ["FORMATS", "check_format", "files_of", "write_files"]

_CHUNK_ROWS = 200_000
_MOST_EXCEL_ROWS = 1_048_575  # a sheet's last row less its header
_EXCEL_EPOCH = np.datetime64("1899-12-30", "us").astype(np.int64)


def check_format(name: str) -> str:
    """The format of that name. Raises BadInput with the nearest name."""
    if name not in FORMATS:
        raise BadInput(f"There is no format '{name}'. Choose one of {', '.join(FORMATS)}.{nearest(name, FORMATS)}")
    return name


def write_files(files: dict[str, pd.DataFrame], folder: Path, form: str, zone: ZoneInfo) -> list[Path]:
    """Write each table as folder/name.form; a name may hold folders of its own.

    zone : the company's time zone, for formats without zones. Raises OSError, and BadInput for a table that the format
    cannot hold.
    """
    paths = {folder / f"{name}.{form}": table for name, table in files.items()}
    parts = {path.with_name(f"{path.name}.part"): path for path in paths}
    if form == "xlsx":
        for path, table in paths.items():
            if len(table) > _MOST_EXCEL_ROWS:
                raise BadInput(f"{path.name} would have {len(table):,} rows, and an Excel sheet holds "
                               f"{_MOST_EXCEL_ROWS:,}. Take --format csv or parquet, or a smaller size.")
    try:
        for part, path in parts.items():
            part.parent.mkdir(parents=True, exist_ok=True)
            FORMATS[form](paths[path].drop(columns=KEY, errors="ignore"), part, zone)
        for part, path in parts.items():
            part.replace(path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return list(paths)


def files_of(folder: Path, names: Iterable[str]) -> list[Path]:
    """The files under these names or patterns, in any format."""
    return [path for name in names for form in FORMATS for path in sorted(folder.glob(f"{name}.{form}"))]


def _csv(table: pd.DataFrame, path: Path, zone: ZoneInfo) -> None:
    with path.open("wb") as file:
        file.write((",".join(map(str, table.columns)) + "\n").encode())
        for first in range(0, len(table), _CHUNK_ROWS):
            some = table.iloc[first:first + _CHUNK_ROWS]
            cells = [_quoted(column_as_text(name, some[name])) for name in table.columns]
            # A line is its cells joined by commas; all lines stand one after the other in the joined array's memory.
            rows = pc.binary_join_element_wise(*cells, ",") if len(cells) > 1 else cells[0]
            lines = pc.binary_join_element_wise(rows, "", "\n")
            file.write(memoryview(lines.buffers()[2])[:pc.sum(pc.binary_length(lines)).as_py()])


def _quoted(cells: pa.Array) -> pa.Array:
    needs = pc.match_substring_regex(cells, '[",\r\n]')
    if not pc.any(needs).as_py():
        return cells
    inside = pc.replace_substring(cells, '"', '""')
    return pc.if_else(needs, pc.binary_join_element_wise('"', inside, '"', ""), cells)


def _parquet(table: pd.DataFrame, path: Path, zone: ZoneInfo) -> None:
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    names = [str(name) for name in table.columns]
    typed = pa.table([column_as_typed(name, table[name]) for name in names], names=names)
    pq.write_table(typed, path, compression="zstd", row_group_size=_CHUNK_ROWS, store_schema=False)


def _excel(table: pd.DataFrame, path: Path, zone: ZoneInfo) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_numbers": False,
                                           "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC)})  # else the moment of writing
    moment, day = (book.add_format({"num_format": form}) for form in ("yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd"))
    sheet = book.add_worksheet(path.name.split(".")[0][:31])
    sheet.freeze_panes(1, 0)
    for i, name in enumerate(table.columns):
        sheet.write_string(0, i, str(name))
    for first in range(0, len(table), _CHUNK_ROWS):
        some = table.iloc[first:first + _CHUNK_ROWS]
        cells = [_excel_cells(str(name), some[name], zone) for name in table.columns]
        forms = [day if is_date(some[name]) else moment if name in TIMES else None for name in table.columns]
        for row, values in enumerate(zip(*cells, strict=True), first + 1):
            for i, value in enumerate(values):
                if value is None or value == "":
                    continue
                if isinstance(value, str):
                    sheet.write_string(row, i, value)
                else:
                    sheet.write_number(row, i, value, forms[i])
    book.close()


def _excel_cells(name: str, column: pd.Series, zone: ZoneInfo) -> list[object]:
    if is_date(column):
        days = (column.to_numpy("datetime64[us]").astype(np.int64) - _EXCEL_EPOCH) / DAY
        return [None if empty else value for empty, value in zip(column.isna(), days.tolist(), strict=True)]
    if column.dtype != np.int64:
        return column.fillna("").tolist()
    numbers = column.to_numpy(np.int64)
    if name not in TIMES:
        return [None if number < 0 else number for number in numbers.tolist()]
    seconds = local_micros(numbers // 1_000_000 * 1_000_000, zone) - _EXCEL_EPOCH
    return list((seconds / DAY).tolist())


FORMATS: dict[str, Callable[[pd.DataFrame, Path, ZoneInfo], None]] = {
    "csv": _csv, "xlsx": _excel, "parquet": _parquet}
