"""API keys: found by their readable prefix; the caller compares the digest in constant time."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam
from sqlmodel import Session, col, select

from provenance.errors import NotFound
from registry.database.tables import ApiKey

MAX_ENDING = 100
"""Keys that are told of at once: the soonest ends count."""


def insert(session: Session, row: ApiKey) -> None:
    """Add a key. Conflict (at the store's boundary) where id or prefix is taken."""
    session.add(row)
    session.flush()


def with_prefix(session: Session, prefix: str) -> ApiKey | None:
    """The key with this prefix."""
    return session.execute(_with_prefix(), {"prefix": prefix}).scalars().first()


@cache
def _with_prefix() -> Select[Any]:
    """Built once, as each request with a key asks it."""
    return select(ApiKey).where(col(ApiKey.prefix) == bindparam("prefix"))


def get(session: Session, key_id: str) -> ApiKey:
    """A key by its id. Raises NotFound."""
    row = session.get(ApiKey, key_id)
    if row is None:
        raise NotFound("no such API key")
    return row


def all_of(session: Session) -> Sequence[ApiKey]:
    """Every key, oldest first (those made within one second by id), revoked ones included."""
    return session.exec(select(ApiKey).order_by(col(ApiKey.created_at_ms), col(ApiKey.id))).all()


def ending_after(session: Session, moment_ms: int) -> Sequence[ApiKey]:
    """The keys in force that expire after a time, at most `MAX_ENDING`, the soonest first."""
    expires = col(ApiKey.expires_at_ms)
    in_force = (expires > moment_ms, col(ApiKey.revoked_at_ms).is_(None))
    return session.exec(select(ApiKey).where(*in_force).order_by(expires).limit(MAX_ENDING)).all()


def touch(session: Session, key_id: str, used_at_ms: int) -> None:
    """Store when a key was last used. Raises NotFound."""
    row = get(session, key_id)
    row.last_used_at_ms = used_at_ms
    session.add(row)
    session.flush()


def end(session: Session, key_id: str, expires_at_ms: int) -> None:
    """Have a key expire at a time, unless it expires earlier. Raises NotFound."""
    row = get(session, key_id)
    if row.expires_at_ms is None or row.expires_at_ms > expires_at_ms:
        row.expires_at_ms = expires_at_ms
        session.add(row)
        session.flush()


def revoke(session: Session, key_id: str, revoked_at_ms: int) -> None:
    """Revoke a key; the first time of revocation stays. Raises NotFound."""
    row = get(session, key_id)
    if row.revoked_at_ms is None:
        row.revoked_at_ms = revoked_at_ms
        session.add(row)
        session.flush()
