"""Event logs in XES (.xes, .xes.gz), read as a stream: one flat table, a row to an event.

Attributes are columns by their key: an event's as it is ("concept:name", "time:timestamp"), its trace's after "case:"
("case:concept:name"). A nested attribute is "parent/child"; what repeats within one event is joined by "; ". The column
`event_index` counts the events of a trace from 0, so that `where: {event_index: [0]}` gives one row to a trace. A
column that has only the tags float and int is numbers; everything else is text, boolean as true or false. The line of
a row is the one on which its event begins; a trace without events is set aside. Attributes of the log itself, globals
and classifiers are passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

from features.errors import BadInput
from features.mapping import Source
from features.sources.packed import opened
from features.sources.raw import CHUNK_ROWS, TEXT, BrokenCell, RawTable, Unreadable
from features.sources.xml import Element, elements

__all__ = ["read_xes"]

_TAGS = {"string", "date", "int", "float", "boolean", "id", "list", "container"}
_INDEX, _CASE = "event_index", "case:concept:name"
Row = tuple[int, dict[str, str]]  # line and cells


def read_xes(path: Path, name: str, source: Source, wanted: Collection[str]) -> list[RawTable]:
    """Read one log as one table; only the wanted columns of it, all when none is named. Raises BadInput."""
    tags: dict[str, set[str]] = {_INDEX: {"int"}}  # by column, the tags that gave its cells
    unreadable: list[Unreadable] = []
    parts, lines = [], []
    with opened(path, name) as file:
        rows = _rows(elements(file, name), name, {*wanted}, tags, unreadable)
        while some := list(islice(rows, CHUNK_ROWS)):
            lines += [line for line, _ in some]
            keys = [key for key in tags if not wanted or key in wanted]
            # Without a column a table would have no rows.
            parts.append(pa.table({key: pa.array([cells.get(key) for _, cells in some], TEXT)
                                   for key in keys or [_INDEX]}))
    if not lines and not unreadable:
        raise BadInput(f"{name} is no XES log with events: there is no <event> in it.")
    table = pa.concat_tables(parts, promote_options="default") if parts else pa.table({_INDEX: pa.array([], TEXT)})
    frame, broken = table.to_pandas(), []
    for key in frame.columns:
        if tags[key] in ({"float"}, {"float", "int"}):
            numbers = pd.to_numeric(frame[key], errors="coerce").astype(np.float64)
            no_number = np.flatnonzero(numbers.isna() & frame[key].notna() & (frame[key].str.lower() != "nan"))
            broken += [BrokenCell(int(row), key, str(frame[key].iloc[row])[:200], "is no number, as its tag says")
                       for row in no_number]
            frame[key] = numbers
    # What is there, but not wanted, is named where a wanted column is not.
    others = {key: pd.Series([None] * len(frame), dtype="str") for key in tags if key not in frame.columns}
    frame = pd.concat([frame, pd.DataFrame(others, index=frame.index)], axis=1)
    return [RawTable(name, frame, np.array(lines, dtype=np.int64), unreadable, broken)]


def _rows(stream: Iterator[Element], name: str, wanted: set[str], tags: dict[str, set[str]],
          unreadable: list[Unreadable]) -> Iterator[Row]:
    """Events trace by trace, once all of a trace is read; what is found of columns and empty traces is noted."""
    trace: dict[str, str] | None = None
    event: dict[str, str] | None = None
    events: list[Row] = []
    began, trace_began, in_global = 0, 0, False
    keys: list[str] = []  # of the attributes that are open, outermost first
    for what, tag, attributes, _, line in stream:
        begins = what == "start"
        if tag == "global":
            in_global = begins
        elif tag == "trace" and begins:
            trace, events, trace_began = {}, [], line
        elif tag == "event" and begins:
            event, began = {}, line
        elif tag == "event" and event is not None:
            event[_INDEX] = str(len(events))
            if trace is None:  # allowed by the standard: an event of no trace
                yield began, event
            else:
                events.append((began, event))
            event = None
        elif tag == "trace" and trace is not None:
            yield from ((at, cells | trace) for at, cells in events)
            if not events:
                unreadable.append(Unreadable(name, trace_began, None, trace.get(_CASE, "")[:200] or None,
                                             "is a trace without events", dict(trace)))
            trace = None
        elif tag in _TAGS and begins:
            keys.append(attributes.get("key", ""))
            if "value" in attributes and not in_global and (event is not None or trace is not None):
                cells = event if event is not None else trace
                assert cells is not None
                key = ("" if event is not None else "case:") + "/".join(one for one in keys if one)
                value = attributes["value"].lower() if tag == "boolean" else attributes["value"]
                if not wanted or key in wanted or key == _CASE:
                    cells[key] = f"{cells[key]}; {value}" if key in cells else value
                tags.setdefault(key, set()).add(tag)
        elif tag in _TAGS:
            keys.pop()
