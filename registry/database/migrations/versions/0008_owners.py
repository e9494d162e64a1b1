"""Uploads belong to who brought them, and `publishers:write`, which belonged to nobody, is `keys:write`.

Media that waited when this is applied has no owner: it is forgotten after its day, and has to be brought again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

Int64 = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table of uploads anew, with its rows."""
    before = sa.table("upload", sa.column("sha256"), sa.column("size"), sa.column("created_at_ms"))
    rows = [dict(row) for row in op.get_bind().execute(sa.select(before)).mappings()]
    op.drop_table("upload")
    upload = op.create_table(
        "upload",
        sa.Column("owner", sa.String, primary_key=True),
        sa.Column("sha256", sa.LargeBinary, primary_key=True, index=True),
        sa.Column("size", Int64, nullable=False),
        sa.Column("created_at_ms", Int64, nullable=False, index=True),
    )
    if rows:
        op.bulk_insert(upload, [row | {"owner": ""} for row in rows])
    op.execute("UPDATE api_key SET scopes = replace(scopes, 'publishers:write', 'keys:write')")
