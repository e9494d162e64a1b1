"""One index of hashes, in memory (`pdq_chunk` kept sixteen rows a registration); the generation of local features."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Drop the one table, and make the other."""
    op.execute("DROP TABLE IF EXISTS pdq_chunk")
    op.create_table(
        "feature_generation",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("generation", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feature_generation"),
        if_not_exists=True,
    )
