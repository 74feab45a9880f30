"""Rows get identities of the new kind (`features.identity`), which are made of whole columns at once."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from alembic import op

from features.identity import as_bytes, encoded, identities

revision = "0004"
down_revision = "0003"

_UNDATED = np.iinfo(np.int64).min
_STAMPS = ["known_at", "recorded_at", "source", "known_at_assumed"]
# Own columns by table, in the order that identities are made of, and their own time.
_TABLES: dict[str, tuple[list[str], str]] = {
    "leads": (["lead_id", "created_at", "account_id", "contact_id"], "created_at"),
    "deals": (["deal_id", "created_at", "lead_id", "account_id", "kind"], "created_at"),
    "accounts": (["account_id", "created_at"], "created_at"),
    "contacts": (["contact_id", "created_at", "account_id"], "created_at"),
    "deal_contacts": (["deal_id", "contact_id", "role", "valid_from"], "valid_from"),
    "owners": (["owner_id", "name", "manager_id", "team", "region", "valid_from"], "valid_from"),
    "changes": (["subject", "subject_id", "field", "value", "changed_at", "sequence"], "changed_at"),
    "activities": (["subject", "activity_id", "subject_id", "kind", "direction", "happened_at", "duration_seconds",
                    "text", "owner_id", "contact_ids"], "happened_at"),
    "rates": (["currency", "rate", "valid_from"], "valid_from")}
_INTEGERS = {"created_at", "valid_from", "changed_at", "happened_at", "sequence"}
_FLOATS = {"duration_seconds", "rate"}


def upgrade() -> None:
    connection = op.get_bind()
    for name, (own, own_time) in _TABLES.items():
        columns = ["identity", *own, *_STAMPS]
        found = connection.exec_driver_sql(f"SELECT {', '.join(columns)} FROM {name}").all()
        if not found:
            continue
        rows = pd.DataFrame([tuple(one) for one in found], columns=columns, dtype=object)
        keys = identities(name, [_column(rows, one, own, own_time) for one in own], len(rows))
        rows["identity"] = as_bytes(keys)
        connection.exec_driver_sql(f"DELETE FROM {name}")
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        ordered = [tuple(row) for row in rows.sort_values("identity").itertuples(index=False)]
        connection.exec_driver_sql(
            f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join([mark] * len(columns))})", ordered)


def _column(rows: pd.DataFrame, name: str, own: list[str], own_time: str) -> Any:
    if name in _FLOATS:
        return rows[name].astype("float64").to_numpy()
    if name not in _INTEGERS:
        return encoded(rows[name])
    values = rows[name].astype("int64").to_numpy().copy()
    if name == own_time == "valid_from":
        values[_undated(rows, own)] = _UNDATED
    return values


def _undated(rows: pd.DataFrame, own: list[str]) -> list[bool]:
    """Rows that came without a date and were given one when they were stored: the old identity tells."""
    contents = rows[own].itertuples(index=False, name=None)
    return [bytes(old) != _old_identity(content) for old, content in zip(rows["identity"], contents, strict=True)]


def _old_identity(content: tuple[Any, ...]) -> bytes:
    return hashlib.blake2b(repr(content).encode("utf-8", "surrogatepass"), digest_size=16).digest()
