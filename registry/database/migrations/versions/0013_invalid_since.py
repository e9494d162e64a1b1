"""Since when a revoked key may have been in other hands: the earliest time that its revocations state."""

import base64
import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

Int64 = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the columns, and read them from the revocations that are logged: these are few."""
    op.add_column("publisher_key", sa.Column("invalid_since_ms", Int64))
    op.add_column("publisher_key", sa.Column("invalid_since_index", Int64))
    keys = sa.table("publisher_key", *map(sa.column, ("public_raw", "invalid_since_ms", "invalid_since_index")))
    records = sa.table("record", *map(sa.column, ("type", "index", "canonical")))
    connection = op.get_bind()
    logged = connection.execute(
        sa.select(records.c["index"], records.c.canonical)
        .where(records.c.type == "publisher.key")
        .order_by(records.c["index"])
    ).all()
    found: dict[bytes, tuple[int, int]] = {}
    for index, canonical in logged:
        record = json.loads(canonical)
        if "invalid_since" in record:
            since = round(datetime.fromisoformat(record["invalid_since"]).timestamp() * 1000)
            raw = _raw(record["key"])
            found[raw] = min((since, index), found.get(raw, (since, index)))
    for raw, (since, index) in found.items():
        row = sa.update(keys).where(keys.c.public_raw == raw)
        connection.execute(row.values(invalid_since_ms=since, invalid_since_index=index))


def _raw(jwk: dict[str, str]) -> bytes:
    x, y = (base64.urlsafe_b64decode(jwk.get(name, "") + "==") for name in "xy")
    return b"\x04" + x + y if y else x
