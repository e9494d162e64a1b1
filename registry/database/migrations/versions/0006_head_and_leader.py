"""The head of the log and its leader: what several processes on one database agree by."""

import sqlalchemy as sa
from alembic import op

from provenance.errors import ProofInvalid, StoreCorrupt
from provenance.transparency.merkle import Frontier

revision = "0006"
down_revision = "0005"

Int64 = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make both tables with their one row; the head is computed from the entries that are there."""
    head = op.create_table(
        "log_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("size", Int64, nullable=False),
        sa.Column("logged_at_ms", Int64, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
    )
    leader = op.create_table(
        "log_leader",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("epoch", Int64, nullable=False),
        sa.Column("beat", Int64, nullable=False),
    )
    frontier, logged_at_ms = _stored()
    row = {"id": 1, "size": frontier.size, "logged_at_ms": logged_at_ms, "frontier": b"".join(frontier.nodes)}
    op.bulk_insert(head, [row])
    op.bulk_insert(leader, [{"id": 1, "epoch": 0, "beat": 0}])


def _stored() -> tuple[Frontier, int]:
    """The frontier and the last time of the entries that are there."""
    entry = sa.table("entry", sa.column("index"), sa.column("leaf_hash"), sa.column("logged_at_ms"))
    frontier, logged_at_ms = Frontier(), 0
    for index, leaf_hash, time_ms in op.get_bind().execute(sa.select(entry).order_by(entry.c.index)):
        if index != frontier.size:
            raise StoreCorrupt(f"the store has no entry {frontier.size}, and entries behind it")
        try:
            frontier.append(leaf_hash)
        except ProofInvalid as error:
            raise StoreCorrupt(f"the leaf hash of entry {index} has changed: {error}") from error
        logged_at_ms = max(logged_at_ms, time_ms)
    return frontier, logged_at_ms
