"""What people say of a lead in place of its model has a table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "overrides",
        sa.Column("override_id", sa.Integer, primary_key=True),
        sa.Column("lead_id", sa.String, nullable=False, index=True),
        sa.Column("set_at", sa.BigInteger, nullable=False),
        sa.Column("set_by", sa.String),
        sa.Column("grade", sa.String),
        sa.Column("probability", sa.Float),
        sa.Column("note", sa.String),
        sa.Column("until", sa.BigInteger))
