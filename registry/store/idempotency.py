"""Idempotency: answers kept under (Idempotency-Key, API key)."""

from sqlmodel import Session, col, delete

from registry.tables import IdempotencyRow


def find(session: Session, key: str, api_key_id: str) -> IdempotencyRow | None:
    """The answer that was given under this key."""
    return session.get(IdempotencyRow, (key, api_key_id))


def insert(session: Session, row: IdempotencyRow) -> None:
    """Keep an answer. Conflict (at the store's boundary) where the key already has one."""
    session.add(row)
    session.flush()


def forget(session: Session, before_ms: int) -> None:
    """Delete the answers that are older."""
    session.execute(delete(IdempotencyRow).where(col(IdempotencyRow.created_at_ms) < before_ms))
