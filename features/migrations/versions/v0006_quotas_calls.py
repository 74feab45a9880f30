"""Quotas, people's calls and managers' adjustments have tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_STAMPS = [("known_at", sa.BigInteger), ("recorded_at", sa.BigInteger), ("source", sa.String),
           ("known_at_assumed", sa.Boolean)]


def upgrade() -> None:
    _create("quotas", [("period", sa.String, False), ("owner_id", sa.String, True), ("level", sa.String, True),
                       ("amount", sa.Float, False), ("valid_from", sa.BigInteger, False)])
    _create("calls", [("period", sa.String, False), ("owner_id", sa.String, False), ("kind", sa.String, True),
                      ("amount", sa.Float, False), ("made_at", sa.BigInteger, False), ("made_by", sa.String, True),
                      ("note", sa.String, True)])
    op.create_table(
        "adjustments",
        sa.Column("adjustment_id", sa.Integer, primary_key=True),
        sa.Column("owner_id", sa.String, nullable=False, index=True),
        sa.Column("period", sa.String, nullable=False),
        sa.Column("set_at", sa.BigInteger, nullable=False),
        sa.Column("set_by", sa.String),
        sa.Column("amount", sa.Float),
        sa.Column("note", sa.String))


def _create(name: str, columns: list[tuple[str, type[sa.types.TypeEngine[Any]], bool]]) -> None:
    op.create_table(
        name, sa.Column("identity", sa.LargeBinary),
        *(sa.Column(one, kind, nullable=empty) for one, kind, empty in columns),
        *(sa.Column(one, kind, nullable=False) for one, kind in _STAMPS),
        sa.PrimaryKeyConstraint("identity", "known_at_assumed", "known_at"), sqlite_with_rowid=False)
