"""The store: one company's database, SQLite (a file in the home) or PostgreSQL.

What it consists of stands in `features.schema`, how rows go in and come out in `features.stored`. A write is one
transaction that no other writer shares; a read sees one unchanging state and waits for nobody.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, inspect, make_url, select, text
from sqlalchemy.pool import NullPool

from features.errors import BadInput, Conflict
from features.history import History
from features.mapping import Mapping
from features.migrations import is_current, stamp, upgrade
from features.parquet_copy import discard_copies, read_copy, write_copy
from features.recorded import FOREVER
from features.schema import contract, erasures, imports, meta, model_versions, overrides, rejects, schema
from features.stored import add_rows, outweighed, read_rows, read_table

__all__ = ["Store", "add_rows", "contract", "erasures", "get_meta", "imports", "load_history", "meta",
           "model_versions", "open_store", "outweighed", "overrides", "read_table", "rejects", "set_meta"]

# Any constant will do: PostgreSQL's writers wait for one another on it, as SQLite's do on the file.
_WRITE_LOCK = 5_219_340_117
_FIRST_WAIT_SECONDS = 5
_PATIENCE_SECONDS = 24 * 3600  # a writer that died holds no lock, so a lock means work
_WAITING = "waiting for another import to finish"
_STATE = "state"  # meta's key of a text that every write changes
_ROWS_WORTH_A_COPY = 20_000  # fewer are read as fast from the database itself
_URL_FORM = "DEALCAST_STORE is empty (a file in the home) or postgresql://user:password@host/database."


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
    def write(self, tell: Callable[[str], None] | None = None) -> Iterator[Connection]:
        """A transaction that no other writer shares; it leaves nothing when it fails. Creates the tables, and brings
        those of an older dealcast up to date. `tell` is told when it has to wait for another writer to finish."""
        with self._explained(), self.engine.connect() as connection:
            connection = connection.execution_options(dealcast_writes=tell or (lambda step: None))
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    _wait_for_postgres(connection, tell)
                if not inspect(connection).has_table(meta.name):
                    schema.create_all(connection)
                    stamp(connection)
                elif not is_current(connection):
                    upgrade(connection)
                yield connection
                set_meta(connection, _STATE, secrets.token_hex(16))
        if self.copies:
            discard_copies(self.copies)

    @property
    def copies(self) -> Path | None:
        """The folder for copies of a SQLite file's tables, beside it; None for a database that has no file."""
        file = self.engine.url.database
        return Path(f"{file}-copy") if file and self.engine.dialect.name == "sqlite" else None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except exc.OperationalError as error:
            where = self.engine.url.database if self.copies else self.engine.url.render_as_string()
            raise BadInput(f"The store {where} cannot be used: {error.orig}. Is the server up, or the folder writable "
                           "and not in use?") from error
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
    engine = create_engine(parsed, poolclass=NullPool, connect_args={"timeout": _FIRST_WAIT_SECONDS})
    event.listen(engine, "do_connect", _connect_sqlite)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Store(engine)


def _connect_sqlite(_dialect: object, _record: object, args: list[Any], options: dict[str, Any]) -> Any:
    """A file that may not be written, in a read-only folder or on a read-only disk, is opened for reading alone."""
    file = Path(args[0])
    if not file.exists() or all(os.access(one, os.W_OK, effective_ids=True) for one in (file, file.parent)):
        return None  # SQLAlchemy connects
    # Without the file of a writer at work SQLite cannot read in WAL mode unless told that nobody writes.
    unchanging = "" if Path(f"{file}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro{unchanging}", uri=True, **options)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transaction of its own: _begin_sqlite does
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    tell = connection.get_execution_options().get("dealcast_writes")
    if tell is None:
        connection.exec_driver_sql("BEGIN")
        return
    # A writer that starts by reading would find another's write in between: it takes the lock at once.
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except exc.OperationalError as error:
        if "locked" not in str(error.orig):
            raise
        tell(_WAITING)
        connection.exec_driver_sql(f"PRAGMA busy_timeout={_PATIENCE_SECONDS * 1000}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _wait_for_postgres(connection: Connection, tell: Callable[[str], None] | None) -> None:
    key = {"key": _WRITE_LOCK}
    if not connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), key).scalar():
        if tell:
            tell(_WAITING)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), key)


def get_meta(connection: Connection, key: str) -> str | None:
    """A remembered value of the home: company, mapping, …"""
    return connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar()


def set_meta(connection: Connection, key: str, value: str) -> None:
    connection.execute(meta.delete().where(meta.c.key == key))
    connection.execute(meta.insert().values(key=key, value=value))


def load_history(store: Store, mapping: Mapping, as_of: int | None = None, recorded_by: int | None = None) -> History:
    """Everything the store holds, or what was known at `as_of` and had been recorded by `recorded_by`."""
    with store.read() as connection:
        state = get_meta(connection, _STATE)
        rows = {name: _rows(connection, name, store.copies, state) for name in contract}
    whole = History.of_rows(rows, mapping)
    if as_of is None and recorded_by is None:
        return whole
    return whole.until(FOREVER if as_of is None else as_of, recorded_by)


def _rows(connection: Connection, name: str, copies: Path | None, state: str | None) -> pd.DataFrame:
    """All rows of a contract table, from its copy where there is one of this state of the store."""
    if copies is None or state is None:
        return read_rows(connection, name)
    rows = read_copy(copies, name, state)
    if rows is None:
        rows = read_rows(connection, name)
        if len(rows) >= _ROWS_WORTH_A_COPY:
            write_copy(copies, name, state, rows)
    return rows
