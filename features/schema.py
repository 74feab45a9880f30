"""What a store consists of: the contract's tables, and what dealcast remembers beside them.

A change here needs a step in `features/migrations/versions`: the tests compare a migrated store with a new one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)
from sqlalchemy.types import TypeEngine

from features.history import STAMPS
from features.mapping import TABLE_COLUMNS

__all__ = ["KINDS", "adjustments", "columns_of", "contract", "erasures", "imports", "meta", "model_versions",
           "overrides", "rejects", "schema"]

KINDS: dict[str, type[TypeEngine[Any]]] = {
    "created_at": BigInteger, "valid_from": BigInteger, "changed_at": BigInteger, "happened_at": BigInteger,
    "known_at": BigInteger, "recorded_at": BigInteger, "sequence": BigInteger, "duration_seconds": Float, "rate": Float,
    "made_at": BigInteger, "amount": Float}

# Optional in a file, yet every stored row has them: the import fills them in.
_FILLED_IN = {"subject", "field", "sequence", "valid_from", "activity_id"}

schema = MetaData()


def columns_of(name: str) -> list[str]:
    """A contract table's own columns, in the order that its identity is made of."""
    own = list(TABLE_COLUMNS[name])
    return ["subject", *own] if name in ("changes", "activities") else own


def _contract_table(name: str) -> Table:
    filled = {one for one, needed in TABLE_COLUMNS[name].items() if needed} | _FILLED_IN | set(STAMPS)
    columns = [Column(one, KINDS.get(one, String), nullable=one not in filled) for one in (*columns_of(name), *STAMPS)]
    # Of one identity the best known_at stands first. Without rowids SQLite keeps the rows in the key's own order.
    return Table(name, schema, Column("identity", LargeBinary), *columns,
                 Column("known_at_assumed", Boolean, nullable=False),
                 PrimaryKeyConstraint("identity", "known_at_assumed", "known_at"), sqlite_with_rowid=False)


contract: dict[str, Table] = {name: _contract_table(name) for name in TABLE_COLUMNS}
meta = Table("meta", schema, Column("key", String, primary_key=True), Column("value", String, nullable=False))
imports = Table(
    "imports", schema,
    Column("import_id", Integer, primary_key=True),
    Column("recorded_at", BigInteger, nullable=False),
    Column("path", String, nullable=False),
    Column("report", String, nullable=False))
rejects = Table(
    "rejects", schema,
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
    "erasures", schema,
    Column("subject", String, primary_key=True),
    Column("subject_id", String, primary_key=True),
    Column("erased_at", BigInteger, nullable=False))
overrides = Table(
    "overrides", schema,
    Column("override_id", Integer, primary_key=True),
    Column("lead_id", String, nullable=False, index=True),
    Column("set_at", BigInteger, nullable=False),
    Column("set_by", String),
    Column("grade", String),
    Column("probability", Float),
    Column("note", String),
    Column("until", BigInteger))  # empty with all the rest: from set_at on there is none
adjustments = Table(
    "adjustments", schema,
    Column("adjustment_id", Integer, primary_key=True),
    Column("owner_id", String, nullable=False, index=True),
    Column("period", String, nullable=False),  # a fiscal quarter, such as 2026-Q4
    Column("set_at", BigInteger, nullable=False),
    Column("set_by", String),
    Column("amount", Float),  # minor units; empty with the note: from set_at on there is none
    Column("note", String))
model_versions = Table(
    "model_versions", schema,
    Column("model", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("as_of", BigInteger, nullable=False),
    Column("trained_at", BigInteger, nullable=False),
    Column("folder", String, nullable=False),
    Column("run_id", String),
    Column("was_champion", Boolean, nullable=False),
    Column("is_champion", Boolean, nullable=False))
