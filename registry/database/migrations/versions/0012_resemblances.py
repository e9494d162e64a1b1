"""Which registrations resemble which, and how far each has been compared with those before it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

Int64 = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_WAITING = sa.text("method IS NULL")


def upgrade() -> None:
    """Make the tables; what is registered waits to be compared, and a running server does that."""
    op.create_table(
        "compared_asset",
        sa.Column("asset", Int64, primary_key=True, autoincrement=False),
        sa.Column("whole", Int64, nullable=False),
        sa.Column("method", sa.String),
        sa.Column("left_out", sa.String, nullable=False),
        sa.Column("claimed_until_ms", Int64, nullable=False),
    )
    op.create_index(
        "ix_compared_asset_waiting", "compared_asset", ["asset"], sqlite_where=_WAITING, postgresql_where=_WAITING
    )
    op.create_table(
        "resemblance",
        sa.Column("newer", Int64, primary_key=True, autoincrement=False),
        sa.Column("older", Int64, primary_key=True, autoincrement=False, index=True),
        sa.Column("value", sa.String, nullable=False),
        sa.Column("differs_inside", sa.Boolean, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.Column("comparison", sa.String),
    )
    columns = ("asset", "whole", "left_out", "claimed_until_ms")
    asset = sa.table("asset", sa.column("index"))
    index = asset.c["index"]
    waiting = sa.select(index, index, sa.literal("[]"), sa.literal(0))
    op.get_bind().execute(sa.insert(sa.table("compared_asset", *map(sa.column, columns))).from_select(columns, waiting))
