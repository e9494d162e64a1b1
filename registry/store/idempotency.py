"""Idempotency: answers kept under (Idempotency-Key, API key)."""

from collections.abc import Sequence

from sqlmodel import Session, col, delete, select

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


def naming(session: Session, text: bytes) -> Sequence[tuple[str, str]]:
    """(key, API key id) of the answers in which a text occurs. Answers are kept for a day, so these are few."""
    kept = session.exec(select(IdempotencyRow.key, IdempotencyRow.api_key_id, IdempotencyRow.response))
    return [(key, api_key_id) for key, api_key_id, response in kept if text in response]


def delete_answer(session: Session, key: str, api_key_id: str) -> None:
    """Delete one answer, if it is still there."""
    row = find(session, key, api_key_id)
    if row is not None:
        session.delete(row)
        session.flush()
