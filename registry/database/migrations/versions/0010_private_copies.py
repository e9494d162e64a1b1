"""Whose the signed copies are: one for everybody, one for the publisher. Earlier ones have still to be looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns, empty."""
    for table in ("asset", "sealed_asset"):
        op.add_column(table, sa.Column("private_blob_sha256", sa.LargeBinary))
        op.add_column(table, sa.Column("copy_public", sa.Boolean))
    op.create_index("ix_asset_private_blob_sha256", "asset", ["private_blob_sha256"])
