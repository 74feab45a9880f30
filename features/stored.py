"""Rows of the contract's tables, into a store and out of it.

Rows are only ever added. A row's identity is made of its content and its sequence; who imported it when
(`recorded_at`, `source`) and when it was known are no part of it, so importing a row again changes nothing and the
first recorded wins. Only a better `known_at` adds a row of the same identity: a stated one outweighs an assumed one,
and of several stated ones the earliest counts. Rows are stored and read in the order of their identities: the same
rows give the same tables, in whatever order they were imported. Times are int64 microseconds in UTC, values are text,
NULL where a field was emptied.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from sqlalchemy import BigInteger, Connection, Float, String, Table, exists, select, tuple_
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeEngine

from features.history import OWN_TIME, STAMPS
from features.identity import Keys, Texts, as_bytes, encoded, identities
from features.recorded import FOREVER
from features.schema import KINDS, columns_of, contract
from features.sources.values import EMPTY

__all__ = ["add_rows", "outweighed", "read_rows", "read_table", "row_identities"]

_KEYS_A_QUERY = 1000
_ROWS_A_STATEMENT = 25
_ROWS_A_FETCH = 50_000
_ARROW: dict[type[TypeEngine[Any]], Any] = {BigInteger: pa.int64(), Float: pa.float64(), String: pa.large_string()}

Columns = dict[str, Texts | npt.NDArray[Any]]


def _kind(name: str) -> type[TypeEngine[Any]]:
    return KINDS.get(name, String)


def _columns(rows: pd.DataFrame, names: list[str]) -> Columns:
    """Columns as arrays: text encoded, numbers as they are."""
    return {one: encoded(rows[one]) if _kind(one) is String else
            rows[one].to_numpy(np.float64 if _kind(one) is Float else np.int64) for one in names}


def row_identities(name: str, rows: pd.DataFrame) -> Keys:
    """Identity of each row of a contract table, (n, 2): see `features.identity`."""
    return identities(name, list(_columns(rows, columns_of(name)).values()), len(rows))


def add_rows(connection: Connection, name: str, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Add rows to a contract table in a `Store.write`; those already known stay as they were.

    Returns (n,): which rows are new, or have a better known_at than those that are there (`known_at_assumed` says
    which are assumed). Of equal rows among `rows`, the first is. A row whose own time is EMPTY became so, as far as
    anyone can tell, when it was known, and was known when it was recorded; its identity is that of an undated row.
    """
    own = columns_of(name)
    columns = _columns(rows, own)
    keys = identities(name, list(columns.values()), len(rows))
    dated = _dated(name, rows)
    columns |= _columns(dated, [OWN_TIME[name], *STAMPS])
    assumed = dated["known_at_assumed"].to_numpy(bool)
    rank = np.where(assumed, FOREVER, dated["known_at"].to_numpy(np.int64))
    # In the order of the key a database takes rows several times faster.
    order = _in_order(keys, rank)
    blobs = as_bytes(keys[order])
    better = rank[order] < _known_ranks(connection, name, blobs)
    new = order[better]
    if len(new):
        values = [_python_values(columns[one], new) for one in (*own, *STAMPS)]
        _insert(connection, name, ["identity", *own, *STAMPS, "known_at_assumed"],
                [[blobs[i] for i in np.flatnonzero(better)], *values, assumed[new].tolist()])
    found = np.zeros(len(rows), dtype=bool)
    found[new] = True
    return found


def _in_order(keys: Keys, rank: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Positions of the rows in the order of their keys, of equal ones that of the lowest rank alone."""
    order: npt.NDArray[np.int64] = np.argsort(keys[:, 0], kind="stable")
    ordered = keys[order, 0]
    if (ordered[1:] != ordered[:-1]).all():
        return order
    order = np.lexsort((rank, keys[:, 1], keys[:, 0]))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (keys[order[1:]] != keys[order[:-1]]).any(axis=1)
    best: npt.NDArray[np.int64] = order[first]
    return best


def _known_ranks(connection: Connection, name: str, blobs: list[bytes]) -> npt.NDArray[np.object_]:
    """The best known_at that is there of each identity, FOREVER where it is assumed and more where there is none."""
    ranks = np.full(len(blobs), np.inf, dtype=object)
    if connection.exec_driver_sql(f"SELECT 1 FROM {name} LIMIT 1").first() is None:
        return ranks
    mark = _mark(connection)
    for start in range(0, len(blobs), _KEYS_A_QUERY):
        some = blobs[start:start + _KEYS_A_QUERY]
        query = ("SELECT identity, known_at_assumed, known_at "
                 f"FROM {name} WHERE identity IN ({', '.join([mark] * len(some))})")
        found = connection.exec_driver_sql(query, tuple(some)).all()
        if found:
            there, assumed, known_at = zip(*found, strict=True)
            at = start + pd.Index(some).get_indexer(pd.Index([bytes(one) for one in there]))
            np.minimum.at(ranks, at, np.where(np.array(assumed, dtype=bool), FOREVER, np.array(known_at)))
    return ranks


def _insert(connection: Connection, name: str, names: list[str], columns: list[list[Any]]) -> None:
    """Past SQLAlchemy's handling of each parameter, which takes five times as long as the driver."""
    cursor: Any = connection.connection.cursor()
    with _without_garbage_collection():
        if connection.dialect.name == "sqlite":
            _insert_many(cursor, f"INSERT INTO {name} ({', '.join(names)}) VALUES ", columns)
        else:
            with cursor.copy(f"COPY {name} ({', '.join(names)}) FROM STDIN") as copy:
                for row in zip(*columns, strict=True):
                    copy.write_row(row)
    cursor.close()


def _insert_many(cursor: Any, into: str, columns: list[list[Any]]) -> None:
    """Several rows a statement, with what is the same in all of them written into it: half the time of one by one."""
    constants = [_constant(column) for column in columns]
    row = f"({', '.join(constant or '?' for constant in constants)})"
    bound = [column for column, constant in zip(columns, constants, strict=True) if constant is None]
    width, even = len(bound) * _ROWS_A_STATEMENT, len(columns[0]) // _ROWS_A_STATEMENT * _ROWS_A_STATEMENT
    cells: list[Any] = [None] * (len(bound) * even)
    for i, column in enumerate(bound):
        cells[i::len(bound)] = column[:even]
    several = into + ", ".join([row] * _ROWS_A_STATEMENT)
    cursor.executemany(several, (cells[i:i + width] for i in range(0, len(cells), width)))
    cursor.executemany(into + row, zip(*(column[even:] for column in bound), strict=True))


def _constant(column: list[Any]) -> str | None:
    """The one number, NULL or plain word that all of a column is, as SQL writes it; None where it is anything else."""
    value = column[0]
    if column.count(value) < len(column):
        return None
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(int(value))
    return f"'{value}'" if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_. -]*", value) else None


def _mark(connection: Connection) -> str:
    return "?" if connection.dialect.name == "sqlite" else "%s"


def _dated(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with a time of their own, for those that have none."""
    own = OWN_TIME[name]
    undated = rows[own] == EMPTY
    if not undated.any():
        return rows
    known_at = rows["known_at"].where(~undated | ~rows["known_at_assumed"], rows["recorded_at"])
    return rows.assign(**{"known_at": known_at, own: rows[own].where(~undated, known_at)})


def _python_values(column: Texts | npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> list[Any]:
    """A column's values at `rows`, as a driver takes them."""
    if isinstance(column, Texts):
        values: list[Any] = column.distinct[column.codes[rows]].tolist()
        return values
    values = column[rows].tolist()
    if np.issubdtype(column.dtype, np.floating):
        return [None if one != one else one for one in values]
    return values


def outweighed(table: Table) -> ColumnElement[bool]:
    """Whether a row of a contract table stands there with a better known_at too."""
    other = table.alias()
    return exists().where(
        other.c.identity == table.c.identity,
        tuple_(other.c.known_at_assumed, other.c.known_at) < tuple_(table.c.known_at_assumed, table.c.known_at))


def read_rows(connection: Connection, name: str, only: Sequence[ColumnElement[bool]] = ()) -> pd.DataFrame:
    """Rows of a contract table, its own columns and the stamps, in the order of their identities, each identity's best
    first. `superseded_at` says when a better row of the same identity was recorded, FOREVER where none was. `only` are
    conditions on the table's own columns, all of which must hold."""
    table = contract[name]
    kinds = {**{one: _ARROW[_kind(one)] for one in (*columns_of(name), *STAMPS)}, "identity": pa.binary()}
    result = connection.execute(select(*(table.c[one] for one in kinds)).where(*only).order_by(*table.primary_key))
    # The driver's own rows: what SQLAlchemy adds to each costs more than the row.
    cursor = cast(Any, result.cursor)
    parts = [pa.table({one: pa.array([], kind) for one, kind in kinds.items()})]
    with _without_garbage_collection():
        while some := cursor.fetchmany(_ROWS_A_FETCH):
            columns = zip(*some, strict=True)
            parts.append(pa.table({one: pa.array(values, kind)
                                   for (one, kind), values in zip(kinds.items(), columns, strict=True)}))
    result.close()
    found = pa.concat_tables(parts)
    rows: pd.DataFrame = found.drop_columns(["identity"]).to_pandas()
    return rows.assign(superseded_at=_superseded_at(found["identity"].to_numpy(), rows["recorded_at"]))


def _superseded_at(identity: npt.NDArray[np.object_], recorded_at: pd.Series) -> npt.NDArray[np.int64]:
    """When the first better row of each row's identity was recorded; rows stand by identity, the best first."""
    found = np.full(len(identity), FOREVER, dtype=np.int64)
    again = np.zeros(len(identity), dtype=bool)
    again[1:] = identity[1:] == identity[:-1]
    if again.any():
        group = np.cumsum(~again)
        earliest = recorded_at.groupby(group).cummin().to_numpy(np.int64)
        found[again] = earliest[np.flatnonzero(again) - 1]
    return found


def read_table(connection: Connection, name: str, only: Sequence[ColumnElement[bool]] = ()) -> pd.DataFrame:
    """The rows of a contract table that count today: the best of each identity, in the order of identities."""
    rows = read_rows(connection, name, only)
    kept = rows[rows["superseded_at"] == FOREVER]
    return kept.drop(columns="superseded_at").reset_index(drop=True)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Python looks through all objects again and again while millions of tuples are made, which doubles the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
