"""Rows: made from plain values, for the use cases, which do not know the tables.

Times are milliseconds since 1970 UTC.
"""

from registry.database.tables import ApiKey, IdempotencyRow, Upload, VerificationRow

__all__ = ["ApiKey", "api_key", "kept_answer", "upload", "verification"]


def api_key(
    *,
    key_id: str,
    prefix: str,
    digest: bytes,
    name: str,
    scopes: str,
    publisher_id: str | None,
    created_at_ms: int,
    expires_at_ms: int | None,
) -> ApiKey:
    """A new API key; `digest` is the SHA-256 of its secret, `scopes` are separated by spaces."""
    return ApiKey(
        id=key_id,
        prefix=prefix,
        digest=digest,
        name=name,
        scopes=scopes,
        publisher_id=publisher_id,
        created_at_ms=created_at_ms,
        expires_at_ms=expires_at_ms,
    )


def kept_answer(
    *, key: str, api_key_id: str, request_digest: bytes, status: int, response: bytes, created_at_ms: int
) -> IdempotencyRow:
    """The answer that a request with this Idempotency-Key got."""
    return IdempotencyRow(
        key=key,
        api_key_id=api_key_id,
        request_digest=request_digest,
        status=status,
        response=response,
        created_at_ms=created_at_ms,
    )


def upload(*, owner: str, sha256: bytes, size: int, created_at_ms: int) -> Upload:
    """Media that waits to be registered."""
    return Upload(owner=owner, sha256=sha256, size=size, created_at_ms=created_at_ms)


def verification(
    *, verification_id: str, created_at_ms: int, report: bytes, kept_until_ms: int | None = None
) -> VerificationRow:
    """A verification report."""
    return VerificationRow(id=verification_id, created_at_ms=created_at_ms, report=report, kept_until_ms=kept_until_ms)
