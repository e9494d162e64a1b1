"""Idempotency: stored responses by (Idempotency-Key, API key), and claims on requests that still run."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, delete, select, update

from registry.database.tables import IdempotencyClaim, IdempotencyRow


def claim(session: Session, key: str, api_key_id: str, *, holder: str, now_ms: int, until_ms: int) -> None:
    """Claim a key for its first request, or from a holder whose lease has ended.

    Conflict (at the store's boundary) while another holds it.
    """
    taken = session.execute(
        update(IdempotencyClaim)
        .where(*_pair(key, api_key_id), (col(IdempotencyClaim.until_ms) <= now_ms))
        .values(holder=holder, until_ms=until_ms)
        .returning(col(IdempotencyClaim.key))
    )
    if taken.first() is None:
        session.add(IdempotencyClaim(key=key, api_key_id=api_key_id, holder=holder, until_ms=until_ms))
        session.flush()


def renew(session: Session, key: str, api_key_id: str, *, holder: str, until_ms: int) -> None:
    """Extend the lease of a claim that is still held."""
    own = (*_pair(key, api_key_id), col(IdempotencyClaim.holder) == holder)
    session.execute(update(IdempotencyClaim).where(*own).values(until_ms=until_ms))


def release(session: Session, key: str, api_key_id: str, *, holder: str) -> None:
    """Release a claim."""
    session.execute(delete(IdempotencyClaim).where(*_pair(key, api_key_id), col(IdempotencyClaim.holder) == holder))


def _pair(key: str, api_key_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(IdempotencyClaim.key) == key, col(IdempotencyClaim.api_key_id) == api_key_id


def find(session: Session, key: str, api_key_id: str) -> IdempotencyRow | None:
    """The answer that was given under this key."""
    return session.get(IdempotencyRow, (key, api_key_id))


def insert(session: Session, row: IdempotencyRow) -> None:
    """Keep an answer. Conflict (at the store's boundary) where the key already has one."""
    session.add(row)
    session.flush()


def forget(session: Session, before_ms: int) -> None:
    """Delete answers and claims from before a time."""
    session.execute(delete(IdempotencyRow).where(col(IdempotencyRow.created_at_ms) < before_ms))
    session.execute(delete(IdempotencyClaim).where(col(IdempotencyClaim.until_ms) < before_ms))


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
