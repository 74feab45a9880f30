"""Rejects remember their row and who settled them; erasures are noted; rates of currencies have a table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = None


def upgrade() -> None:
    op.add_column("rejects", sa.Column("source", sa.String))
    op.add_column("rejects", sa.Column("cells", sa.String))
    op.add_column("rejects", sa.Column("settled_at", sa.BigInteger))
    op.add_column("rejects", sa.Column("settled_by", sa.Integer))
    op.create_table(
        "erasures",
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("subject_id", sa.String, primary_key=True),
        sa.Column("erased_at", sa.BigInteger, nullable=False))
    op.create_table(
        "rates",
        sa.Column("identity", sa.LargeBinary),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("rate", sa.Float, nullable=False),
        sa.Column("valid_from", sa.BigInteger, nullable=False),
        sa.Column("known_at", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("known_at_assumed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("identity", "known_at_assumed", "known_at"),
        sqlite_with_rowid=False)
    op.execute("DELETE FROM meta WHERE key = 'schema_version'")
