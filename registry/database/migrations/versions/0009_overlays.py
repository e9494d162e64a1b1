"""One overlay a match: what a report's drawings are, by the record that each was compared with."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table. Reports from before keep their one overlay, which does not name its record, in `heat_blob`."""
    op.create_table(
        "verification_overlay",
        sa.Column("verification_id", sa.String, sa.ForeignKey("verification.id"), primary_key=True),
        sa.Column("record_id", sa.LargeBinary, primary_key=True),
        sa.Column("blob", sa.LargeBinary, nullable=False, index=True),
    )
