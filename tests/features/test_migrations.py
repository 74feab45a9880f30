"""An older dealcast's store, as its own DDL made it, is brought up to date by itself and reads the same."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text

from features import migrations
from features.errors import Conflict
from features.home import Home
from features.sources.values import EMPTY
from features.store import contract, get_meta
from tests.companies import CALLS, DEALS, LOG, bring_in, counts, mapping_text, write

# What schema 2 created, the last before there were migrations. Frozen: do not bring it up to date.
SCHEMA_2 = {
    "leads": "lead_id VARCHAR NOT NULL, created_at BIGINT NOT NULL, account_id VARCHAR, contact_id VARCHAR",
    "deals": "deal_id VARCHAR NOT NULL, created_at BIGINT NOT NULL, lead_id VARCHAR, account_id VARCHAR, kind VARCHAR",
    "accounts": "account_id VARCHAR NOT NULL, created_at BIGINT NOT NULL",
    "contacts": "contact_id VARCHAR NOT NULL, created_at BIGINT NOT NULL, account_id VARCHAR",
    "deal_contacts": "deal_id VARCHAR NOT NULL, contact_id VARCHAR NOT NULL, role VARCHAR, valid_from BIGINT NOT NULL",
    "owners": "owner_id VARCHAR NOT NULL, name VARCHAR, manager_id VARCHAR, team VARCHAR, region VARCHAR, "
              "valid_from BIGINT NOT NULL",
    "changes": "subject VARCHAR NOT NULL, subject_id VARCHAR NOT NULL, field VARCHAR NOT NULL, value VARCHAR, "
               "changed_at BIGINT NOT NULL, sequence BIGINT NOT NULL",
    "activities": "subject VARCHAR NOT NULL, activity_id VARCHAR NOT NULL, subject_id VARCHAR NOT NULL, "
                  "kind VARCHAR NOT NULL, direction VARCHAR, happened_at BIGINT NOT NULL, duration_seconds FLOAT, "
                  "text VARCHAR, owner_id VARCHAR, contact_ids VARCHAR"}
STAMPS_2 = ("known_at BIGINT NOT NULL, recorded_at BIGINT NOT NULL, source VARCHAR NOT NULL, "
            "known_at_assumed BOOLEAN NOT NULL, PRIMARY KEY (identity, known_at_assumed, known_at)")
OTHERS_2 = [
    "CREATE TABLE meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL, PRIMARY KEY (key))",
    "CREATE TABLE imports (import_id {serial} NOT NULL, recorded_at BIGINT NOT NULL, path VARCHAR NOT NULL, "
    "report VARCHAR NOT NULL, PRIMARY KEY (import_id))",
    'CREATE TABLE rejects (reject_id {serial} NOT NULL, import_id INTEGER NOT NULL, file VARCHAR NOT NULL, '
    'line BIGINT NOT NULL, "column" VARCHAR, value VARCHAR, reason VARCHAR NOT NULL, PRIMARY KEY (reject_id))',
    "CREATE INDEX ix_rejects_import_id ON rejects (import_id)",
    "CREATE TABLE model_versions (model VARCHAR NOT NULL, version INTEGER NOT NULL, as_of BIGINT NOT NULL, "
    "trained_at BIGINT NOT NULL, folder VARCHAR NOT NULL, run_id VARCHAR, was_champion BOOLEAN NOT NULL, "
    "is_champion BOOLEAN NOT NULL, PRIMARY KEY (model, version))",
    "INSERT INTO meta VALUES ('schema_version', '2')"]
FILES = {
    "deals": "id,created,stage,closed,amount,industry\nD1,2024-01-10,Won,2024-03-01,1200.50,Retail\nD2,2024-02-10,,,9,",
    "log": "id,at,field,value\nD1,2024-02-01,Stage,Talk\nD1,2024-02-01,Amount,x\nD2,2024-02-01,Stage,\n"
           "D2,2024-02-01,Close date,2024-06-30",
    "calls": "id,at,kind,seconds\nD1,2024-01-21,call,60\nD1,2024-01-21,mail,",
    "roles": "deal,who,role\nD1,C1,business\nD1,C2,"}
ROLES = """
  - file: roles.csv
    rows: deal_contacts
    columns: {deal_id: deal, contact_id: who, role: role}
"""
TEXT = mapping_text(DEALS, LOG, CALLS, ROLES)


def create_schema_2(connection: Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    for name, columns in SCHEMA_2.items():
        kind, end = ("BLOB", " WITHOUT ROWID") if sqlite else ("BYTEA", "")
        connection.execute(text(f"CREATE TABLE {name} (identity {kind} NOT NULL, {columns}, {STAMPS_2}){end}"))
    for statement in OTHERS_2:
        connection.execute(text(statement.format(serial="INTEGER" if sqlite else "SERIAL")))


def old_identity(name: str, row: dict[str, Any]) -> bytes:
    """A row's identity as schema 2 made it. The contacts of `FILES` came without a date."""
    own = [one.split()[0] for one in SCHEMA_2[name].split(", ")]
    values = tuple(None if pd.isna(row[one]) else row[one] for one in own)
    if name == "deal_contacts":
        values = (*values[:-1], EMPTY)
    return hashlib.blake2b(repr(values).encode(), digest_size=16).digest()


def make_old(home: Home) -> None:
    """Turn a home's store into one of schema 2 with the same rows."""
    with home.store.engine.connect().execution_options(dealcast_writes=True) as connection, connection.begin():
        schema = inspect(connection).default_schema_name
        kept = {name: pd.DataFrame(connection.execute(select(table)).mappings().all()) for name, table
                in contract.items() if name in SCHEMA_2}
        rest = {name: pd.DataFrame(connection.execute(text(f"SELECT * FROM {name}")).mappings().all())
                for name in ("meta", "imports", "rejects")}
        for name in inspect(connection).get_table_names(schema=schema):
            connection.execute(text(f"DROP TABLE {name}"))
        create_schema_2(connection)
        rest["meta"] = rest["meta"][~rest["meta"]["key"].isin(["schema_version"])]
        for name, frame in kept.items():
            if len(frame):
                frame["identity"] = [old_identity(name, row) for row in frame.to_dict("records")]
        for name, frame in (kept | rest).items():
            numbered = ("import_id", "reject_id") if name == "imports" else ("reject_id",)
            columns = [one["name"] for one in inspect(connection).get_columns(name) if one["name"] not in numbered]
            rows = frame.reindex(columns=columns).astype(object)
            rows = rows.where(rows.notna(), None).to_dict("records")
            if rows:
                marks = ", ".join(f":{one}" for one in columns)
                names = ", ".join(f'"{one}"' for one in columns)
                connection.execute(text(f"INSERT INTO {name} ({names}) VALUES ({marks})"), rows)


def schema_of(connection: Connection) -> dict[str, object]:
    found = inspect(connection)
    names = sorted(found.get_table_names(schema=found.default_schema_name))
    return {name: ([(one["name"], str(one["type"]), one["nullable"]) for one in found.get_columns(name)],
                   found.get_pk_constraint(name)["constrained_columns"],
                   sorted((str(one["name"]), one["column_names"]) for one in found.get_indexes(name)),
                   found.get_table_options(name) if connection.dialect.name == "sqlite" else None)
            for name in names}


@pytest.mark.usefixtures("database")
def test_a_store_of_schema_2_is_brought_up_to_date_by_itself_and_reads_the_same(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", **FILES)
    report = bring_in(tmp_path / "home", folder, TEXT)
    assert counts(report) == (10, 9, 0, 1)
    home = Home.open(tmp_path / "home")
    with home.store.read() as connection:
        schema = schema_of(connection)
    before = home.history().tables
    make_old(home)
    again = Home.open(tmp_path / "home")
    after = again.history().tables
    for name, table in before.items():
        pd.testing.assert_frame_equal(table, after[name])
    with again.store.read() as connection:
        assert schema_of(connection) == schema
        assert get_meta(connection, "schema_version") is None
        assert connection.execute(text("SELECT count(*) FROM rejects")).scalar() == 1
    # The rows are the same to an import, too.
    assert counts(bring_in(tmp_path / "home", folder, TEXT)) == (10, 0, 9, 1)


@pytest.mark.usefixtures("database")
def test_an_old_store_in_which_bringing_up_to_date_fails_stays_as_it_was(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring_in(tmp_path / "home", write(tmp_path / "in", **FILES), TEXT)
    make_old(Home.open(tmp_path / "home"))

    def fail(connection: Connection) -> None:
        migrations.upgrade(connection)
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("features.store.upgrade", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            Home.open(tmp_path / "home")
    home = Home.open(tmp_path / "home", must_exist=False)
    with home.store.read() as connection:
        assert get_meta(connection, "schema_version") == "2"
        assert not inspect(connection).has_table("erasures")
    assert len(Home.open(tmp_path / "home").history().deals) == 2


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("statement", "message"), [
    ("UPDATE alembic_version SET version_num = '9999'",
     r"newer version of dealcast \(its schema is 9999, .*Install a newer dealcast"),
    ("DROP TABLE alembic_version", r"too old to be brought up to date .*Import the files again, into a new home")])
def test_a_store_that_cannot_be_brought_up_to_date_is_refused_with_the_cure(tmp_path: Path, statement: str,
                                                                           message: str) -> None:
    bring_in(tmp_path / "home", write(tmp_path / "in", **FILES), TEXT)
    with Home.open(tmp_path / "home").store.write() as connection:
        connection.execute(text(statement))
    with pytest.raises(Conflict, match=message):
        Home.open(tmp_path / "home")


def test_head_is_the_newest_step(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]
    bring_in(tmp_path / "home", write(tmp_path / "in", **FILES), TEXT)
    with Home.open(tmp_path / "home").store.read() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == migrations.HEAD
