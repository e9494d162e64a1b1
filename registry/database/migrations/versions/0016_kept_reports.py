"""Until when a report is kept, which reports show which registration, and how many registrations there are."""

import re
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"

Int64 = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_SHOWN = re.compile(rb'"id":"([0-9a-f]{64})"')
_BATCH = 500
"""Reports read at once: some 5 MB."""


def upgrade() -> None:
    """Reports from before were promised to stay, and do: they have no end. Which records they show, they say."""
    op.add_column("verification", sa.Column("kept_until_ms", Int64))
    op.create_index("ix_verification_kept_until_ms", "verification", ["kept_until_ms"])
    op.create_table(
        "shown_record",
        sa.Column("record_id", sa.LargeBinary, primary_key=True),
        sa.Column("verification_id", sa.String, sa.ForeignKey("verification.id"), primary_key=True, index=True),
        sqlite_with_rowid=False,
    )
    shown = sa.table("shown_record", sa.column("record_id"), sa.column("verification_id"))
    for rows in _shown_records(op.get_bind()):
        op.bulk_insert(shown, rows)
    op.add_column("log_head", sa.Column("registrations", Int64, nullable=False, server_default="0"))
    count = sa.select(sa.func.count()).select_from(sa.table("asset")).scalar_subquery()
    op.execute(sa.update(sa.table("log_head", sa.column("registrations"))).values(registrations=count))


def _shown_records(connection: sa.Connection) -> Iterator[list[dict[str, object]]]:
    """Rows of the new table, for a batch of reports each."""
    reports, after = sa.table("verification", sa.column("id"), sa.column("report")), ""
    page = sa.select(reports.c.id, reports.c.report).order_by(reports.c.id).limit(_BATCH)
    while rows := connection.execute(page.where(reports.c.id > after)).all():
        after = rows[-1].id
        found = [
            {"record_id": bytes.fromhex(record.decode()), "verification_id": row.id}
            for row in rows
            if type(row.report) is bytes  # SQLite keeps what it is given; fsck names it
            for record in set(_SHOWN.findall(row.report))
        ]
        if found:
            yield found
