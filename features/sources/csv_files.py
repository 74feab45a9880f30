"""Text with a delimiter: .csv, .tsv and .txt, also packed (.csv.gz, .csv.zip).

Encoding, delimiter and the row that names the columns are what the mapping's source says, else what the file shows.
Every cell is text. The line of a row is the one on which it begins: a quoted cell may hold line breaks.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO

import clevercsv

from features.errors import BadInput
from features.mapping import Source
from features.sources.encodings import find_encoding
from features.sources.header import LOOKED_AT, find_header
from features.sources.packed import kind_of, opened
from features.sources.raw import Detected, RawTable, assemble

__all__ = ["read_csv"]

_DELIMITERS = [",", ";", "\t", "|"]
_SAMPLE_LINES, _SAMPLE_CHARACTERS = 200, 100_000
_END = "\x00end of file\x00"  # stands alone in the last row, unless a quote was never closed


def read_csv(path: Path, name: str, source: Source, wanted: Collection[str]) -> list[RawTable]:
    """Read one file as one table. Raises BadInput."""
    encoding = source.encoding
    if encoding is None:
        with opened(path, name) as file:
            encoding = find_encoding(file, name)
    with _text_of(path, name, encoding) as text:
        sample = _sample(text)
    delimiter = source.delimiter or ("\t" if kind_of(path) == ".tsv" else _find_delimiter(sample, wanted))
    with _text_of(path, name, encoding) as text:
        rows = _rows(text, delimiter, name)
        head = list(islice(rows, max(LOOKED_AT, source.header_row or 0) + 1))
        lines = [line for line, _ in head]
        declared = None
        if source.header_row is not None:
            declared = lines.index(source.header_row) if source.header_row in lines else len(lines)
        header = find_header([row for _, row in head], wanted, name, declared)
        detected = Detected(None if source.encoding else encoding.removesuffix("-sig"),
                            None if source.delimiter else delimiter,
                            header_line=lines[header.first] if header.first and declared is None else None)
        return [assemble(name, header.names, chain(head[header.end:], rows), detected)]


@contextmanager
def _text_of(path: Path, name: str, encoding: str) -> Iterator[IO[str]]:
    try:
        # A declared utf-8 may have a byte-order mark, which is no part of the first name.
        codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        with opened(path, name) as file, io.TextIOWrapper(file, encoding=codec, newline="") as text:
            yield text
    except UnicodeError as error:
        place = f" (byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
        raise BadInput(f"{name} is not text in '{encoding}'{place}. Set the source's encoding, for Excel's CSV on "
                       "Windows: cp1252.") from error
    except LookupError as error:
        raise BadInput(f"encoding '{encoding}' is not known. Common ones: utf-8, cp1252, gb18030.") from error


def _rows(text: IO[str], delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which each begins."""
    csv.field_size_limit(2**31 - 1)
    line = 1
    try:
        reader = csv.reader(chain(text, [_END]), delimiter=delimiter)
        for row in reader:
            if row == [_END]:
                return
            if row and row[-1].endswith(_END):
                raise BadInput(f"{name}, line {line}: a quote (\") is opened and never closed. Close it, or write it "
                               "twice if it is meant as a character.")
            yield line, row
            line = reader.line_num + 1
    except (csv.Error, TypeError) as error:
        raise BadInput(f"{name}, line {line}, cannot be read as CSV with the delimiter {delimiter!r}: {error}"
                       ) from error


def _sample(text: IO[str]) -> str:
    """The first lines, whole rows of them where quotes are closed."""
    lines, size = [], 0
    for line in islice(text, _SAMPLE_LINES):
        lines.append(line)
        size += len(line)
        if size > _SAMPLE_CHARACTERS:
            break
    quotes = sum(line.count('"') for line in lines)
    while quotes % 2 and len(lines) > 1:
        quotes -= lines.pop().count('"')
    return "".join(lines)


def _find_delimiter(sample: str, wanted: Collection[str]) -> str:
    """The delimiter with which some row has the wanted columns, else the one that makes the most regular table."""
    if sample.startswith("sep=") and len(sample) > 4:  # Excel's own way to say it
        return sample[4]
    found = {}
    for delimiter in _DELIMITERS:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        found[delimiter] = max((len({cell.strip() for cell in row} & set(wanted)) for row in islice(rows, LOOKED_AT)),
                               default=0)
    best = [delimiter for delimiter in _DELIMITERS if found[delimiter] == max(found.values())]
    if len(best) == 1:
        return best[0]
    try:
        dialect = clevercsv.Detector().detect(sample, delimiters=best)
    except clevercsv.Error:
        dialect = None
    return dialect.delimiter if dialect and dialect.delimiter else ","
