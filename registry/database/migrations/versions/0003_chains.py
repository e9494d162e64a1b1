"""Sealed assets, events about records, what was made from what, and what erasures have still to remove."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002_cosignatures"

Int64 = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_BATCH = 1_000


def upgrade() -> None:
    """Make the tables; fill the derivations from the records that are there."""
    op.create_table(
        "sealed_asset",
        sa.Column("record_id", sa.LargeBinary, primary_key=True),
        sa.Column("index", Int64, nullable=False, unique=True),
        sa.Column("publisher_id", sa.String, sa.ForeignKey("publisher.id"), nullable=False),
        sa.Column("claims_digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("sketch_sha256", sa.LargeBinary, nullable=False, index=True),
        sa.Column("thumbnail_sha256", sa.LargeBinary, nullable=False, index=True),
        sa.Column("signed_blob_sha256", sa.LargeBinary, index=True),
        sa.Column("manifest_blob_sha256", sa.LargeBinary),
        sa.Column("logged_at_ms", Int64, nullable=False),
    )
    op.create_index("ix_sealed_asset_publisher_id_index", "sealed_asset", ["publisher_id", "index"])
    op.create_table(
        "remnant",
        sa.Column("record_id", sa.LargeBinary, primary_key=True),
        sa.Column("object", sa.String, primary_key=True),
    )
    op.create_index("ix_verification_heat_blob", "verification", ["heat_blob"])
    for column in ("sketch_sha256", "thumbnail_sha256"):  # an erasure asks who else needs a blob
        op.create_index(f"ix_asset_{column}", "asset", [column])
    op.create_table(
        "event",
        sa.Column("target", sa.LargeBinary, primary_key=True),
        sa.Column("index", Int64, primary_key=True, autoincrement=False),
        sa.Column("type", sa.String, nullable=False),
    )
    op.create_index("ix_event_type_index", "event", ["type", "index"])
    derivation = op.create_table(
        "derivation",
        sa.Column("parent", sa.LargeBinary, primary_key=True),
        sa.Column("child", sa.LargeBinary, primary_key=True, index=True),
    )
    _fill(derivation)


def _fill(derivation: sa.Table) -> None:
    connection = op.get_bind()
    record = sa.table("record", sa.column("record_id"), sa.column("index"), sa.column("type"), sa.column("canonical"))
    registered = (
        sa.select(record.c["index"], record.c.record_id, record.c.canonical)
        .where(record.c.type == "asset.registered")
        .order_by(record.c["index"])
        .limit(_BATCH)
    )
    after = -1
    while rows := connection.execute(registered.where(record.c["index"] > after)).all():
        after = rows[-1][0]
        pairs = {(parent, child) for _, child, canonical in rows for parent in _parents(canonical)}
        if pairs:
            op.bulk_insert(derivation, [{"parent": parent, "child": child} for parent, child in sorted(pairs)])


def _parents(canonical: bytes) -> set[bytes]:
    record = json.loads(canonical)
    named = [parent["record"] for parent in record.get("parents", ())]
    if "rendition_of" in record:
        named.append(record["rendition_of"])
    return {bytes.fromhex(each) for each in named}
