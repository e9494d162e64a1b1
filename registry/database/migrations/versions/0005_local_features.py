"""The local features of assets."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table; `python -m api index rebuild` fills it for what was registered before."""
    op.create_table(
        "local_features",
        sa.Column("asset", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("codes", sa.LargeBinary, nullable=False),
    )
