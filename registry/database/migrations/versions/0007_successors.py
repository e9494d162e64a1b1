"""Which registrations say that they stand in the place of another."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_BATCH = 1_000


def upgrade() -> None:
    """Add the column; fill it from the records that name others."""
    op.add_column("derivation", sa.Column("supersedes", sa.Boolean, nullable=False, server_default=sa.false()))
    derivation = sa.table("derivation", sa.column("parent"), sa.column("child"), sa.column("supersedes"))
    record = sa.table("record", sa.column("record_id"), sa.column("canonical"))
    connection = op.get_bind()
    children = sa.select(derivation.c.child).distinct().order_by(derivation.c.child).limit(_BATCH)
    after = b""
    while batch := connection.execute(children.where(derivation.c.child > after)).scalars().all():
        after = batch[-1]
        named = connection.execute(sa.select(record).where(record.c.record_id.in_(batch))).all()
        for child, canonical in named:
            for parent in _superseded(canonical):
                pair = (derivation.c.parent == parent) & (derivation.c.child == child)
                connection.execute(sa.update(derivation).where(pair).values(supersedes=True))


def _superseded(canonical: bytes) -> set[bytes]:
    parents = json.loads(canonical).get("parents", ()) if canonical else ()
    return {bytes.fromhex(parent["record"]) for parent in parents if parent["relation"] == "supersedes"}
