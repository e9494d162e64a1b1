"""What others say of checkpoints (quorum of witnesses, time-stamp token), and entries whose record was not brought."""

import sqlalchemy as sa
from alembic import op

revision = "0002_cosignatures"
down_revision = "0001"

Int64 = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the columns, and the table of withheld records."""
    op.add_column("checkpoint", sa.Column("cosigned_at_ms", Int64))
    op.add_column("checkpoint", sa.Column("timestamp", sa.LargeBinary))
    for name, column in (("cosigned", "cosigned_at_ms"), ("timestamp", "timestamp")):
        present = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_checkpoint_{name}", "checkpoint", ["size"], sqlite_where=present, postgresql_where=present)
    op.create_table(
        "withheld_record",
        sa.Column("record_id", sa.LargeBinary, primary_key=True),
        sa.Column("index", Int64, nullable=False, unique=True),
    )
