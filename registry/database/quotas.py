"""Quotas: the units that addresses and API keys have used on a day, counted for all processes together.

A subject is stored under a pseudonym: BLAKE2b-128 (RFC 7693) keyed with a salt of the day. Both are deleted with the
day, so that nothing tells afterwards who asked.
"""

import secrets
from collections.abc import Mapping
from hashlib import blake2b

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, delete, select

from registry.database.tables import QuotaDay, QuotaUse

Use = tuple[str, str]
"""The name of a quota, and the subject that it is counted for."""

SALT_BYTES = 32


def used(session: Session, day: str, use: Use) -> int:
    """Units used on a day (YYYY-MM-DD)."""
    row = session.get(QuotaDay, day)
    if row is None:
        return 0
    counted = session.get(QuotaUse, (day, *_stored(row.salt, use)))
    return 0 if counted is None else counted.units


def add(session: Session, day: str, uses: Mapping[Use, int]) -> dict[Use, int]:
    """Add units; what is used on that day then."""
    made = _insert(session, QuotaDay).values(day=day, salt=secrets.token_bytes(SALT_BYTES))
    session.execute(made.on_conflict_do_nothing())
    salt = session.exec(select(QuotaDay.salt).where(QuotaDay.day == day)).one()
    stored = {_stored(salt, use): use for use in uses}
    totals = {}
    for name, subject in sorted(stored):  # every process locks rows in this order
        use = stored[name, subject]
        row = _insert(session, QuotaUse).values(day=day, name=name, subject=subject, units=uses[use])
        summed = row.on_conflict_do_update(
            index_elements=["day", "name", "subject"], set_={"units": QuotaUse.units + row.excluded.units}
        )
        totals[use] = session.execute(summed.returning(col(QuotaUse.units))).scalar_one()
    return totals


def forget(session: Session, before: str) -> None:
    """Delete the days before one."""
    session.execute(delete(QuotaUse).where(col(QuotaUse.day) < before))
    session.execute(delete(QuotaDay).where(col(QuotaDay.day) < before))


def _insert(session: Session, table: type[SQLModel]) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT of the database's own dialect: the standard knows no ON CONFLICT."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _stored(salt: bytes, use: Use) -> tuple[str, bytes]:
    name, subject = use
    return name, blake2b(subject.encode(), key=salt, digest_size=16).digest()
