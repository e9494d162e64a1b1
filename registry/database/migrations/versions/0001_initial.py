"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Int64 = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the log's tables, the views over it, and the service's own."""
    _log()
    _views()
    _service()


def _log() -> None:
    op.create_table(
        "entry",
        sa.Column("index", Int64, primary_key=True, autoincrement=False),
        sa.Column("leaf_hash", sa.LargeBinary, nullable=False),
        sa.Column("statement", sa.LargeBinary, nullable=False),
        sa.Column("record_id", sa.LargeBinary, nullable=False),
        sa.Column("logged_at_ms", Int64, nullable=False),
    )
    op.create_table(
        "record",
        sa.Column("record_id", sa.LargeBinary, primary_key=True),
        sa.Column("index", Int64, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("canonical", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "checkpoint",
        sa.Column("size", Int64, primary_key=True, autoincrement=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.Column("signed_at_ms", Int64, nullable=False),
    )


def _views() -> None:
    op.create_table(
        "publisher",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("established", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
    )
    op.create_table(
        "publisher_key",
        sa.Column("kid", sa.LargeBinary, primary_key=True),
        sa.Column("publisher_id", sa.String, sa.ForeignKey("publisher.id"), nullable=False, index=True),
        sa.Column("algorithm", sa.String, nullable=False),
        sa.Column("public_raw", sa.LargeBinary, nullable=False),
        sa.Column("enrolled_index", Int64, nullable=False),
        sa.Column("ended_index", Int64),
        sa.Column("end_reason", sa.String),
    )
    op.create_table(
        "asset",
        sa.Column("record_id", sa.LargeBinary, primary_key=True),
        sa.Column("index", Int64, nullable=False, unique=True),
        sa.Column("publisher_id", sa.String, sa.ForeignKey("publisher.id"), nullable=False),
        sa.Column("media_sha256", sa.LargeBinary, nullable=False, index=True),
        sa.Column("signed_sha256", sa.LargeBinary, index=True),
        sa.Column("pixels_sha256", sa.LargeBinary, nullable=False, index=True),
        sa.Column("signed_pixels_sha256", sa.LargeBinary, index=True),
        sa.Column("manifest_id", sa.String, index=True),
        sa.Column("claims_digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("title", sa.String),
        sa.Column("credit", sa.String),
        sa.Column("media_type", sa.String, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("phash", sa.LargeBinary, nullable=False),
        sa.Column("pdq", sa.LargeBinary, nullable=False),
        sa.Column("pdq_quality", sa.Integer, nullable=False),
        sa.Column("sketch_sha256", sa.LargeBinary, nullable=False),
        sa.Column("thumbnail_sha256", sa.LargeBinary, nullable=False),
        sa.Column("signed_blob_sha256", sa.LargeBinary),
        sa.Column("manifest_blob_sha256", sa.LargeBinary),
        sa.Column("logged_at_ms", Int64, nullable=False),
    )
    op.create_index("ix_asset_publisher_id_index", "asset", ["publisher_id", "index"])
    op.create_table(
        "withdrawal",
        sa.Column("index", Int64, primary_key=True, autoincrement=False),
        sa.Column("target", sa.LargeBinary, nullable=False, index=True),
        sa.Column("reason", sa.String, nullable=False),
    )
    op.create_table(
        "pdq_chunk",
        sa.Column("chunk_key", Int64, primary_key=True, autoincrement=False),
        sa.Column("asset", Int64, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )


def _service() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("prefix", sa.String, nullable=False, unique=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("scopes", sa.String, nullable=False),
        sa.Column("publisher_id", sa.String, sa.ForeignKey("publisher.id")),
        sa.Column("created_at_ms", Int64, nullable=False),
        sa.Column("expires_at_ms", Int64),
        sa.Column("last_used_at_ms", Int64),
        sa.Column("revoked_at_ms", Int64),
    )
    op.create_table(
        "idempotency",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("api_key_id", sa.String, primary_key=True),
        sa.Column("request_digest", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
        sa.Column("created_at_ms", Int64, nullable=False, index=True),
    )
    op.create_table(
        "upload",
        sa.Column("sha256", sa.LargeBinary, primary_key=True),
        sa.Column("size", Int64, nullable=False),
        sa.Column("created_at_ms", Int64, nullable=False, index=True),
        sa.Column("api_key_id", sa.String, nullable=False),
    )
    op.create_table(
        "verification",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("created_at_ms", Int64, nullable=False, index=True),
        sa.Column("report", sa.LargeBinary, nullable=False),
        sa.Column("heat_blob", sa.LargeBinary),
    )
