"""The store: one company's contract tables in SQLite (a file in the home) or PostgreSQL.

Rows are only ever added. A row's identity is a hash of its content and its sequence; who imported it when
(`recorded_at`, `source`) and when it was known are no part of it, so importing a row again changes nothing and the
first recorded wins. Only a better `known_at` adds a row of the same identity: a stated one outweighs an assumed one,
and of several stated ones the earliest counts. Reading returns the best row of each identity, ordered by identity:
the same rows give the same frames, in whatever order they were imported. Times are int64 microseconds in UTC, values
are text, NULL where a field was emptied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import (
    URL,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    create_engine,
    event,
    exc,
    exists,
    inspect,
    make_url,
    select,
    text,
    tuple_,
)
from sqlalchemy.pool import NullPool
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeEngine

from features.errors import BadInput, Conflict
from features.history import OWN_TIME, STAMPS, History
from features.mapping import TABLE_COLUMNS, Mapping
from features.migrations import is_current, stamp, upgrade
from features.sources.values import EMPTY

__all__ = ["Store", "add_rows", "contract", "erasures", "get_meta", "identities", "imports", "load_history", "meta",
           "model_versions", "open_store", "outweighed", "read_table", "rejects", "set_meta"]

# Any constant will do: PostgreSQL's writers wait for one another on it, as SQLite's do on the file.
_KEYS_A_QUERY = 1000
_WRITE_LOCK = 5_219_340_117
_AFTER_ALL = np.iinfo(np.int64).max

_KINDS: dict[str, type[TypeEngine[Any]]] = {
    "created_at": BigInteger, "valid_from": BigInteger, "changed_at": BigInteger, "happened_at": BigInteger,
    "known_at": BigInteger, "recorded_at": BigInteger, "sequence": BigInteger, "duration_seconds": Float, "rate": Float}

# Optional in a file, yet every stored row has them: the import fills them in.
_FILLED_IN = {"subject", "field", "sequence", "valid_from", "activity_id"}

_DTYPES: dict[type[TypeEngine[Any]], str] = {BigInteger: "int64", Float: "float64"}
_URL_FORM = "DEALCAST_STORE is empty (a file in the home) or postgresql://user:password@host/database."

_schema = MetaData()


def _columns(name: str) -> list[str]:
    """A contract table's own columns, in the order that its identity is made of."""
    own = list(TABLE_COLUMNS[name])
    return ["subject", *own] if name in ("changes", "activities") else own


def _contract_table(name: str) -> Table:
    filled = {one for one, needed in TABLE_COLUMNS[name].items() if needed} | _FILLED_IN | set(STAMPS)
    columns = [Column(one, _KINDS.get(one, String), nullable=one not in filled) for one in (*_columns(name), *STAMPS)]
    # Of one identity the best known_at stands first. Without rowids SQLite keeps the rows in the key's own order.
    return Table(name, _schema, Column("identity", LargeBinary), *columns,
                 Column("known_at_assumed", Boolean, nullable=False),
                 PrimaryKeyConstraint("identity", "known_at_assumed", "known_at"), sqlite_with_rowid=False)


contract: dict[str, Table] = {name: _contract_table(name) for name in TABLE_COLUMNS}
meta = Table("meta", _schema, Column("key", String, primary_key=True), Column("value", String, nullable=False))
imports = Table(
    "imports", _schema,
    Column("import_id", Integer, primary_key=True),
    Column("recorded_at", BigInteger, nullable=False),
    Column("path", String, nullable=False),
    Column("report", String, nullable=False))
rejects = Table(
    "rejects", _schema,
    Column("reject_id", Integer, primary_key=True),
    Column("import_id", Integer, nullable=False, index=True),
    Column("file", String, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("column", String),
    Column("value", String),
    Column("reason", String, nullable=False),
    Column("source", String),  # which source of the mapping, as "deals.csv as deals"
    Column("cells", String),  # the row as JSON, where it could be split into cells
    Column("settled_at", BigInteger),
    Column("settled_by", Integer))  # the import that took the row after a fix
erasures = Table(
    "erasures", _schema,
    Column("subject", String, primary_key=True),
    Column("subject_id", String, primary_key=True),
    Column("erased_at", BigInteger, nullable=False))
model_versions = Table(
    "model_versions", _schema,
    Column("model", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("as_of", BigInteger, nullable=False),
    Column("trained_at", BigInteger, nullable=False),
    Column("folder", String, nullable=False),
    Column("run_id", String),
    Column("was_champion", Boolean, nullable=False),
    Column("is_champion", Boolean, nullable=False))


@dataclass(frozen=True)
class Store:
    """A company's database. Reading from one that holds nothing yet is no error: see `exists`."""

    engine: Engine

    def exists(self) -> bool:
        """Whether anything was ever written. An older dealcast's store is brought up to date on the way.

        Raises Conflict for a newer dealcast's store, and for an older one that cannot be written.
        """
        file = self.engine.url.database
        if self.engine.dialect.name == "sqlite" and not (file and Path(file).is_file()):
            return False  # connecting would create the file
        with self.read() as connection:
            if not inspect(connection).has_table(meta.name):
                return False
            current = is_current(connection)
        if not current:
            self._bring_up_to_date()
        return True

    def _bring_up_to_date(self) -> None:
        try:
            with self.write():
                pass
        except BadInput as error:
            raise Conflict("This store was written by an older version of dealcast and must be brought up to date "
                           f"once, for which it must be writable. {error}") from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one unchanging state."""
        level = {"isolation_level": "REPEATABLE READ"} if self.engine.dialect.name == "postgresql" else {}
        with self._explained(), self.engine.connect().execution_options(**level) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that no other writer shares; it leaves nothing when it fails. Creates the tables,
        and brings those of an older dealcast up to date."""
        writes = {"dealcast_writes": True}
        with self._explained(), self.engine.connect().execution_options(**writes) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITE_LOCK})
            if inspect(connection).has_table(meta.name):
                if not is_current(connection):
                    upgrade(connection)
            else:
                _schema.create_all(connection)
                stamp(connection)
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except exc.OperationalError as error:
            raise BadInput(f"The store {self.engine.url.render_as_string()} cannot be used: {error.orig}. Is the "
                           "server up, or the folder writable and not in use?") from error
        except exc.DatabaseError as error:
            if "not a database" in str(error.orig) or "malformed" in str(error.orig):
                raise BadInput(f"{self.engine.url.database} is damaged ({error.orig}). Restore a copy of it, or import "
                               "the files again into a new home.") from error
            raise


def open_store(url: str | URL) -> Store:
    """The store at a SQLAlchemy URL, sqlite or postgresql. Connects to nothing yet. Raises BadInput."""
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise BadInput(f"'{url}' is not a database URL. {_URL_FORM}") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise BadInput(f"A store on {parsed.get_backend_name()} is not supported. {_URL_FORM}")
    # Without a pool each connection closes with its work: a process that ends or forks leaves none open, and of a
    # SQLite store nothing but the one file stays behind.
    if parsed.get_backend_name() == "postgresql":
        return Store(create_engine(parsed.set(drivername="postgresql+psycopg"), poolclass=NullPool))
    engine = create_engine(parsed, poolclass=NullPool, connect_args={"timeout": 60})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Store(engine)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transaction of its own: _begin_sqlite does
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    # A writer that starts by reading would find another's write in between: it takes the lock at once.
    writes = connection.get_execution_options().get("dealcast_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def get_meta(connection: Connection, key: str) -> str | None:
    """A remembered value of the home: company, mapping, …"""
    return connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar()


def set_meta(connection: Connection, key: str, value: str) -> None:
    connection.execute(meta.delete().where(meta.c.key == key))
    connection.execute(meta.insert().values(key=key, value=value))


def identities(name: str, rows: pd.DataFrame) -> list[bytes]:
    """Identity of each row of a contract table: a 16-byte hash of its own columns."""
    columns = (_python_values(rows[one]) for one in _columns(name))
    return [hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
            for row in zip(*columns, strict=True)]


def add_rows(connection: Connection, name: str, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Add rows to a contract table in a `Store.write`; those already known stay as they were.

    Returns (n,): which rows are new, or have a better known_at than those that are there (`known_at_assumed` says
    which are assumed). Of equal rows among `rows`, the first is. A row whose own time is EMPTY became so, as far as
    anyone can tell, when it was known, and was known when it was recorded; its identity is that of an undated row.
    """
    keys = identities(name, rows)
    rows = _dated(name, rows)
    rank = np.where(rows["known_at_assumed"], _AFTER_ALL, rows["known_at"])
    position = {keys[i]: i for i in reversed(np.argsort(rank, kind="stable").tolist())}
    # Both statements go past SQLAlchemy's handling of each parameter, which takes five times as long as the driver.
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    wanted = list(position)
    for start in range(0, len(wanted), _KEYS_A_QUERY):
        some = tuple(wanted[start:start + _KEYS_A_QUERY])
        query = ("SELECT identity, known_at_assumed, known_at "
                 f"FROM {name} WHERE identity IN ({', '.join([mark] * len(some))})")
        for key, assumed, known_at in connection.exec_driver_sql(query, some):
            if key in position and (_AFTER_ALL if assumed else known_at) <= rank[position[key]]:
                del position[key]
    # In the order of the key, SQLite takes rows several times faster.
    new = np.array([position[key] for key in sorted(position)], dtype=np.int64)
    if len(new):
        names = (*_columns(name), *STAMPS, "known_at_assumed")
        values = (_python_values(rows[one].iloc[new]) for one in names)
        marks = ", ".join([mark] * (len(names) + 1))
        connection.exec_driver_sql(f"INSERT INTO {name} (identity, {', '.join(names)}) VALUES ({marks})",
                                   list(zip(sorted(position), *values, strict=True)))
    return np.isin(np.arange(len(rows)), new)


def _dated(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with a time of their own, for those that have none."""
    own = OWN_TIME[name]
    undated = rows[own] == EMPTY
    known_at = rows["known_at"].where(~undated | ~rows["known_at_assumed"], rows["recorded_at"])
    return rows.assign(**{"known_at": known_at, own: rows[own].where(~undated, known_at)})


def _python_values(column: pd.Series) -> list[Any]:
    return column.astype(object).where(column.notna(), None).tolist()


def outweighed(table: Table, recorded_by: int | None = None) -> ColumnElement[bool]:
    """Whether a row of a contract table stands there with a better known_at too, among those recorded by then."""
    other = table.alias()
    better = [other.c.identity == table.c.identity,
              tuple_(other.c.known_at_assumed, other.c.known_at) < tuple_(table.c.known_at_assumed, table.c.known_at)]
    if recorded_by is not None:
        better.append(other.c.recorded_at <= recorded_by)
    return exists().where(*better)


def read_table(connection: Connection, name: str, as_of: int | None = None, recorded_by: int | None = None,
               only: Sequence[ColumnElement[bool]] = ()) -> pd.DataFrame:
    """Rows of a contract table in the order of their identities, at most those known at `as_of`; `only` picks them."""
    table = contract[name]
    names = (*_columns(name), *STAMPS)
    # Weighed before the cut: a row that was entered late must not count early because its entry is not seen yet.
    statement = select(*(table.c[one] for one in names)).where(~outweighed(table, recorded_by), *only)
    if as_of is not None:
        statement = statement.where(table.c[OWN_TIME[name]] <= as_of, table.c.known_at <= as_of)
    if recorded_by is not None:
        statement = statement.where(table.c.recorded_at <= recorded_by)
    rows = connection.execute(statement.order_by(table.c.identity)).all()
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pd.DataFrame({one: pd.Series(values, dtype=_DTYPES.get(_KINDS.get(one, String), "str"))
                         for one, values in zip(names, columns, strict=True)})


def load_history(store: Store, mapping: Mapping, as_of: int | None = None, recorded_by: int | None = None) -> History:
    """Everything the store holds, or what was known at `as_of` and had been recorded by `recorded_by`."""
    with store.read() as connection:
        tables = {name: read_table(connection, name, as_of, recorded_by) for name in contract}
    # An activity that was imported again with other content, or a contact again with another date, counts once.
    for name, keys in (("activities", ["subject", "subject_id", "activity_id"]),
                       ("deal_contacts", ["deal_id", "contact_id", "role"])):
        tables[name] = _one_row_each(tables[name], keys, OWN_TIME[name])
    return History(tables, mapping)


def _one_row_each(table: pd.DataFrame, keys: list[str], own: str) -> pd.DataFrame:
    """Of rows about the same, the one that was known first.

    First by the time from which a row counts: so it is the same row whether the history was cut before or after.
    """
    if not table.duplicated(keys).any():
        return table
    order = np.lexsort((table[own], np.maximum(table[own], table["known_at"])))
    return table.iloc[order].drop_duplicates(keys).sort_index().reset_index(drop=True)
