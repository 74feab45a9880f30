"""Migrations: an older dealcast's store is brought up to date by itself, in the transaction of its first use.

`versions/` holds one file per step; alembic runs those that a store lacks. A new store is created as it is today and
starts at HEAD. Revision "0003" starts from what dealcast wrote before there were migrations (its schema 2).
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, text

from features.errors import Conflict

__all__ = ["HEAD", "is_current", "stamp", "upgrade"]

HEAD = "0006"
_BEFORE_MIGRATIONS = "2"


def is_current(connection: Connection) -> bool:
    """Whether a store that holds something is of this version; false for an older one, which `upgrade` mends.

    Raises Conflict for a newer dealcast's store, and for one that is too old to be brought up to date.
    """
    found = _found(connection)
    if found == HEAD:
        return True
    if found > HEAD:
        raise Conflict(f"This store was written by a newer version of dealcast (its schema is {found}, this version "
                       f"reads up to {HEAD}). Install a newer dealcast: pip install --upgrade dealcast")
    return False


def _found(connection: Connection) -> str:
    if inspect(connection).has_table("alembic_version"):
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    schema = connection.execute(text("SELECT value FROM meta WHERE key = 'schema_version'")).scalar()
    if schema != _BEFORE_MIGRATIONS:
        raise Conflict(f"This store was written by a version of dealcast that is too old to be brought up to date "
                       f"(its schema is {schema}). Import the files again, into a new home.")
    return ""


def upgrade(connection: Connection) -> None:
    """Run, in the caller's transaction, the steps that a store lacks."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def stamp(connection: Connection) -> None:
    """Note that a store which was just created is of this version, where alembic looks for it."""
    version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
    version.create(connection)
    connection.execute(version.insert().values(version_num=HEAD))
