"""What addresses and API keys have used of their daily quotas."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0016"

Int64 = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "quota_day",
        sa.Column("day", sa.String, primary_key=True),
        sa.Column("salt", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "quota_use",
        sa.Column("day", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("subject", sa.LargeBinary, primary_key=True),
        sa.Column("units", Int64, nullable=False),
    )
