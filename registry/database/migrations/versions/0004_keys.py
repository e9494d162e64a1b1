"""Changes of the log's keys; revocations of publishers' keys that had ended before."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

Int64 = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the table of `log.key` entries and the column of revocations."""
    op.create_table("log_key", sa.Column("index", Int64, primary_key=True, autoincrement=False))
    op.add_column("publisher_key", sa.Column("revoked_index", Int64))
