"""Registrations that wait for the signature of their publisher."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

Int64 = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "prepared_registration",
        sa.Column("record_id", sa.LargeBinary, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("claims_digest", sa.LargeBinary, nullable=False),
        sa.Column("media_sha256", sa.LargeBinary, nullable=False, index=True),
        sa.Column("canonical", sa.LargeBinary, nullable=False),
        sa.Column("draft", sa.String, nullable=False),
        sa.Column("completed", sa.Boolean, nullable=False),
        sa.Column("expires_at_ms", Int64, nullable=False, index=True),
        sa.UniqueConstraint("owner", "claims_digest"),
    )
