"""One way in for files of every kind: which files a source means, and its rows as they stand.

A new kind is a file of its own and a line in `_READERS`. Each reader takes (path, name for messages, source, wanted
columns) and gives a `RawTable` to a file or, of a workbook, to a sheet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from features.errors import BadInput, NotFound, nearest
from features.mapping import Source
from features.sources.csv_files import read_csv
from features.sources.excel import read_excel
from features.sources.packed import PACKINGS, kind_of
from features.sources.parquet import read_parquet
from features.sources.raw import BrokenCell, Detected, RawTable, Unreadable
from features.sources.xes import read_xes

__all__ = ["READABLE", "BrokenCell", "Detected", "RawTable", "Unreadable", "find_files", "is_readable", "read_tables",
           "reading_options"]

_READERS: dict[str, Callable[[Path, str, Source, Collection[str]], list[RawTable]]] = {
    ".csv": read_csv, ".tsv": read_csv, ".txt": read_csv,
    ".xlsx": read_excel, ".xlsm": read_excel, ".xls": read_excel, ".xlsb": read_excel, ".ods": read_excel,
    ".parquet": read_parquet, ".xes": read_xes}
READABLE = tuple(_READERS)
_STREAMS = (".csv", ".tsv", ".txt", ".xes")  # what can be read packed


def is_readable(path: Path) -> bool:
    """Whether a file's name is of a kind that can be read."""
    if path.name.startswith((".", "~$")):  # hidden, or Excel's mark of an open workbook
        return False
    kind = kind_of(path)
    return kind in (_STREAMS if path.suffix.lower() in PACKINGS else READABLE)


def find_files(path: Path, source: Source) -> list[Path]:
    """The files of a source in an import's PATH, sorted by name; none when PATH is a file that is another source's.

    Raises NotFound when PATH is a folder that lacks them, BadInput when a folder leaves open which file is meant.
    """
    if not path.exists():
        near = nearest(path.name, (one.name for one in path.parent.iterdir())) if path.parent.is_dir() else ""
        raise NotFound(f"There is no file or folder {path}.{near}")
    if path.is_file() or _is_partitioned(path):
        fits = source.file is None or path.match(source.file)
        return _files_of(path) if fits else []
    present = sorted(one for one in path.rglob("*") if one.is_file() and is_readable(one))
    names = [one.relative_to(path).as_posix() for one in present]
    listed = f"It holds: {', '.join(names[:20]) or 'no CSV, Excel, Parquet or XES file'}."
    if source.file is None:
        if len(present) != 1:
            raise BadInput(f"The mapping's source of {source.rows} names no file, so {path} must hold exactly one, or "
                           f"PATH must be the file itself. {listed}")
        return present
    if Path(source.file).is_absolute() or ".." in Path(source.file).parts:
        raise BadInput(f"file: '{source.file}' must lie in the folder that is imported, so that a mapping can be "
                       "used anywhere. Write a name or pattern relative to it.")
    found = sorted({file for one in path.glob(source.file) for file in _files_of(one)})
    if not found:
        raise NotFound(f"{path} has no file '{source.file}', which the mapping's source of {source.rows} needs."
                       f"{nearest(source.file, names)} {listed} Add the file, import one file by its own path, or "
                       "take the source out of the mapping.")
    return found


def reading_options(source: Source) -> tuple[object, ...]:
    """What of a source decides how its file is read: two sources with the same options read the same tables."""
    sheet = tuple(source.sheet) if isinstance(source.sheet, list) else source.sheet
    return sheet, source.header_row, source.delimiter, source.encoding


def _is_partitioned(path: Path) -> bool:
    """Whether a folder stands for one table: deals.parquet/year=2024/part-0.parquet."""
    return path.is_dir() and path.suffix.lower() == ".parquet"


def _files_of(path: Path) -> list[Path]:
    if _is_partitioned(path):
        return sorted(one for one in path.rglob("*.parquet") if one.is_file() and is_readable(one))
    return [path] if path.is_file() and not path.name.startswith("~$") else []


def read_tables(path: Path, source: Source, wanted: Collection[str] = (), name: str | None = None) -> list[RawTable]:
    """Read a file by its ending: its tables, one or, of a workbook, one to each sheet that the source names.

    `wanted` are the columns that must be there; with none named, all are read and the header is found by its shape.
    `name` is what messages call the file, its own name if left out. Raises BadInput when the file cannot be read as
    what it is called, or lacks a wanted column.
    """
    kind = kind_of(path)
    if not is_readable(path):
        raise BadInput(f"{path.name}: files of the kind '{kind or path.suffix}' are not read. "
                       f"Readable: {', '.join(READABLE)}; {', '.join(_STREAMS)} also packed as .gz or .zip.")
    tables = _READERS[kind](path, name or path.name, source, wanted)
    for table in tables:
        table.require(wanted)
    return tables
