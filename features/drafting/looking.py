"""Files as tables to look at: every sheet of a workbook, a sample of what is big, and what could not be read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from features.errors import BadInput, DealcastError, NotFound
from features.mapping import Source
from features.sources.packed import kind_of
from features.sources.tables import READABLE, is_readable, read_tables

__all__ = ["Look", "Looks", "look_at"]

_WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_SAMPLED_FROM_BYTES = 64 * 2**20
_SAMPLE_BLOCKS, _BLOCK_BYTES, _SAMPLE_ROWS = 16, 2**20, 200_000


@dataclass(frozen=True)
class Look:
    """One table: the file's name relative to the folder that an import would get, its sheet where a workbook has
    several, its cells as the reader gave them, and whether they are only a sample of it."""

    file: str
    sheet: str | None
    frame: pd.DataFrame
    sampled: bool = False

    @property
    def name(self) -> str:
        return f"{self.file}, sheet '{self.sheet}'" if self.sheet else self.file


@dataclass(frozen=True)
class Looks:
    tables: list[Look]
    unreadable: list[str]


def look_at(paths: list[Path]) -> Looks:
    """Read files and folders. Raises NotFound for what is not there, BadInput when nothing of it can be read."""
    tables: list[Look] = []
    unreadable: list[str] = []
    for path, name in _files(paths):
        try:
            tables += list(_read(path, name))
        except (DealcastError, OSError) as error:
            unreadable.append(f"{name}: {error}")
    unreadable += [f"{one.name}: has no rows under its header" for one in tables if one.frame.empty]
    tables = [one for one in tables if not one.frame.empty]
    if not tables:
        raise BadInput("None of the files can be read:\n" + "\n".join(f"  {one}" for one in unreadable))
    return Looks(tables, unreadable)


def _files(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    """Every file with its name as a mapping spells it: relative to the folder, or its own name."""
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise NotFound(f"There is no file or folder {path}.")
        found = [path]
        if path.is_dir():
            found = sorted(one for one in path.rglob("*") if one.is_file() and is_readable(one))
            if not found:
                raise NotFound(f"{path} holds no file that can be read ({', '.join(READABLE)}).")
        for one in found:
            if one.resolve() not in seen:
                seen.add(one.resolve())
                yield one, one.relative_to(path).as_posix() if path.is_dir() else one.name


def _read(path: Path, name: str) -> Iterator[Look]:
    if kind_of(path) in _WORKBOOKS:
        yield from _read_workbook(path, name)
        return
    if path.stat().st_size > _SAMPLED_FROM_BYTES and path.suffix.lower() in (".csv", ".tsv", ".txt", ".parquet"):
        with tempfile.TemporaryDirectory() as folder:
            sample = Path(folder) / path.name
            (_sample_parquet if path.suffix.lower() == ".parquet" else _sample_lines)(path, sample)
            yield Look(name, None, _table(sample, name), sampled=True)
        return
    yield Look(name, None, _table(path, name))


def _table(path: Path, name: str, sheet: str | None = None) -> pd.DataFrame:
    source = Source(rows="owners", columns={"owner_id": "any"}, sheet=sheet)
    (table,) = read_tables(path, source, name=name)
    frame = table.frame.loc[:, [str(name) != "" for name in table.frame.columns]]
    return frame.loc[:, ~frame.columns.duplicated()]


def _read_workbook(path: Path, name: str) -> Iterator[Look]:
    """The visible sheets; one that cannot be read does not keep the others from being drafted."""
    try:
        with CalamineWorkbook.from_path(str(path)) as book:
            sheets = [one.name for one in book.sheets_metadata
                      if one.typ == SheetTypeEnum.WorkSheet and one.visible == SheetVisibleEnum.Visible]
    except (CalamineError, OSError) as error:
        raise BadInput(f"cannot be read as an Excel file: {error}") from error
    for sheet in sheets:
        try:
            frame = _table(path, name, sheet)
        except BadInput:
            if len(sheets) == 1:
                raise
            continue  # a cover sheet, a chart's page
        yield Look(name, sheet if len(sheets) > 1 else None, frame)


def _sample_lines(path: Path, out: Path) -> None:
    """The header and whole lines from evenly spread places of a large text file."""
    size = path.stat().st_size
    with path.open("rb") as file, out.open("wb") as sample:
        sample.write(file.readline())
        for block in range(_SAMPLE_BLOCKS):
            file.seek(max(file.tell() if block == 0 else 0, size * block // _SAMPLE_BLOCKS))
            if block:
                file.readline()  # the rest of a line
            text = file.read(_BLOCK_BYTES)
            sample.write(text[:text.rfind(b"\n") + 1])


def _sample_parquet(path: Path, out: Path) -> None:
    """Rows of evenly spread row groups."""
    whole = pq.ParquetFile(path)
    step = max(1, whole.num_row_groups // _SAMPLE_BLOCKS)
    chosen = range(0, whole.num_row_groups, step)
    each = max(1, _SAMPLE_ROWS // len(chosen))
    parts = [next(whole.iter_batches(each, row_groups=[i])) for i in chosen]
    pq.write_table(pa.Table.from_batches(parts), out)
