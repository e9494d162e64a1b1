"""Idempotency-Keys whose first request still runs, shared by all processes."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

Int64 = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "idempotency_claim",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("api_key_id", sa.String, primary_key=True),
        sa.Column("holder", sa.String, nullable=False),
        sa.Column("until_ms", Int64, nullable=False),
    )
