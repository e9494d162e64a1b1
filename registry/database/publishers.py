"""Publishers: who vouches for media, and with which keys."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from provenance.errors import NotFound
from registry.database.tables import Publisher, PublisherKeyRow
from registry.times import to_milliseconds

if TYPE_CHECKING:
    from provenance.statement.record import PublisherKey


def find(session: Session, publisher_id: str) -> Publisher | None:
    """A publisher by its id; None if there is none."""
    return session.get(Publisher, publisher_id)


def get(session: Session, publisher_id: str) -> Publisher:
    """A publisher. Raises NotFound."""
    row = find(session, publisher_id)
    if row is None:
        raise NotFound(f"no publisher {publisher_id!r}")
    return row


def all_of(session: Session) -> Sequence[Publisher]:
    """Every publisher, by id: they are few."""
    return session.exec(select(Publisher).order_by(col(Publisher.id))).all()


def insert_key(session: Session, row: PublisherKeyRow) -> None:
    """Enrol a key. Conflict (at the store's boundary) where it was enrolled before."""
    session.add(row)
    session.flush()


def find_key(session: Session, kid: bytes) -> PublisherKeyRow | None:
    """A key by its thumbprint; None if it was never enrolled."""
    return session.get(PublisherKeyRow, kid)


def get_key(session: Session, kid: bytes) -> PublisherKeyRow:
    """A key by its thumbprint. Raises NotFound."""
    row = find_key(session, kid)
    if row is None:
        raise NotFound("no such publisher key")
    return row


def revoked_among(session: Session, kids: Collection[bytes]) -> dict[bytes, int]:
    """The revoked ones among the keys, with the index of the revoking record."""
    rows = session.exec(
        select(PublisherKeyRow).where(
            col(PublisherKeyRow.kid).in_(kids), col(PublisherKeyRow.revoked_index).is_not(None)
        )
    )
    return {row.kid: row.revoked_index for row in rows if row.revoked_index is not None}


def with_revoked_keys(session: Session, publisher_ids: Collection[str]) -> set[str]:
    """Those publishers that have a revoked key."""
    return set(
        session.exec(
            select(PublisherKeyRow.publisher_id).where(
                col(PublisherKeyRow.publisher_id).in_(publisher_ids), col(PublisherKeyRow.revoked_index).is_not(None)
            )
        )
    )


def predates_known_compromise(row: PublisherKeyRow, invalid_since: datetime) -> bool:
    """Whether a time of compromise is earlier than the one that the key's revocations have stated so far."""
    return row.invalid_since_ms is None or to_milliseconds(invalid_since) < row.invalid_since_ms


def compromised_since(session: Session, kids: Collection[bytes]) -> dict[bytes, int]:
    """Since when each key may have been compromised, in milliseconds; keys without a stated time are left out."""
    rows = session.exec(
        select(PublisherKeyRow.kid, PublisherKeyRow.invalid_since_ms).where(
            col(PublisherKeyRow.kid).in_(kids), col(PublisherKeyRow.invalid_since_ms).is_not(None)
        )
    )
    return {kid: since for kid, since in rows if since is not None}


def names_of(session: Session, publisher_ids: Collection[str]) -> dict[str, str]:
    """The names of publishers, by id."""
    return {row.id: row.name for row in session.exec(select(Publisher).where(col(Publisher.id).in_(publisher_ids)))}


def keys_of(session: Session, publisher_id: str) -> Sequence[PublisherKeyRow]:
    """All keys that a publisher ever had, in the order of their enrolment."""
    return session.exec(
        select(PublisherKeyRow)
        .where(PublisherKeyRow.publisher_id == publisher_id)
        .order_by(col(PublisherKeyRow.enrolled_index))
    ).all()


def apply(session: Session, record: "PublisherKey", index: int) -> None:
    """Bring the rows in line with the `publisher.key` record at `index`: what it enrols, replaces or revokes.

    Conflict (at the store's boundary) where a key is enrolled a second time. Raises NotFound for a key that is revoked
    without having been enrolled for this publisher.
    """
    if record.action == "revoke":
        row = get_key(session, record.key.thumbprint)
        if row.publisher_id != record.publisher:
            raise NotFound("no such publisher key")
        _end(session, row, index, record.reason)
        if row.revoked_index is None:
            row.revoked_index = index
        if record.invalid_since is not None and predates_known_compromise(row, record.invalid_since):
            row.invalid_since_ms, row.invalid_since_index = to_milliseconds(record.invalid_since), index
        session.add(row)
        session.flush()
        return
    session.merge(
        Publisher(
            id=record.publisher,
            name=record.name,
            established=record.identity.established,
            detail=record.identity.detail,
        )
    )
    if record.action == "rotate":
        for row in keys_of(session, record.publisher):
            _end(session, row, index, record.reason)
    insert_key(
        session,
        PublisherKeyRow(
            kid=record.key.thumbprint,
            publisher_id=record.publisher,
            algorithm=record.key.algorithm.value,
            public_raw=record.key.raw,
            enrolled_index=index,
        ),
    )


def _end(session: Session, row: PublisherKeyRow, index: int, reason: str | None) -> None:
    if row.ended_index is None:
        row.ended_index = index
        row.end_reason = reason
        session.add(row)
        session.flush()
