"""SQL of the inverted file: the rows of `LocalFeaturesRow`."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import bindparam, sql
from sqlmodel import Session, col, delete, select

from registry.database.tables import FeatureGeneration, LocalFeaturesRow

_REPLACED = 2  # id of the row that has no generation, but how far the next one has come

_COLUMNS: tuple[Any, ...] = (LocalFeaturesRow.asset, LocalFeaturesRow.codes)
_BETWEEN = (  # columns, and built once: of rows as objects, each takes 15 µs more
    sql.select(*_COLUMNS)
    .where(col(LocalFeaturesRow.asset) >= bindparam("first"), col(LocalFeaturesRow.asset) < bindparam("stop"))
    .order_by(col(LocalFeaturesRow.asset))
    .limit(bindparam("most"))
)


def insert(session: Session, asset: int, codes: bytes) -> None:
    """Store the features of the registration at index `asset`."""
    session.add(LocalFeaturesRow(asset=asset, codes=codes))


def replace(session: Session, described: Mapping[int, bytes]) -> None:
    """Store the features of registrations, by index, in place of those that they have."""
    for asset, codes in described.items():
        session.merge(LocalFeaturesRow(asset=asset, codes=codes))
    session.flush()


def generation(session: Session) -> int:
    """How often features were replaced by others."""
    row = session.get(FeatureGeneration, 1)
    return 0 if row is None else row.generation


def begin_generation(session: Session) -> None:
    """Note that features were replaced, all of them."""
    session.merge(FeatureGeneration(id=1, generation=generation(session) + 1))
    session.execute(delete(FeatureGeneration).where(col(FeatureGeneration.id) == _REPLACED))
    session.flush()


def replaced_until(session: Session) -> int:
    """Up to which log index features were replaced so far; 0 where that has not begun, or is done."""
    row = session.get(FeatureGeneration, _REPLACED)
    return 0 if row is None else row.generation


def note_replaced(session: Session, end: int) -> None:
    """Note that the features of the registrations at all log indices < `end` were replaced."""
    session.merge(FeatureGeneration(id=_REPLACED, generation=end))
    session.flush()


def remove(session: Session, asset: int) -> None:
    """Delete the features of a registration."""
    session.execute(delete(LocalFeaturesRow).where(col(LocalFeaturesRow.asset) == asset))


def at(session: Session, indices: Collection[int]) -> list[tuple[int, bytes]]:
    """(index, codes) of the registrations at these indices, in log order."""
    if not indices:
        return []
    query = select(LocalFeaturesRow.asset, LocalFeaturesRow.codes).where(col(LocalFeaturesRow.asset).in_(indices))
    return list(session.exec(query.order_by(col(LocalFeaturesRow.asset))))


def between(session: Session, first: int, stop: int, most: int) -> list[tuple[int, bytes]]:
    """(index, codes) of the registrations with first ≤ index < stop, in log order, the first `most` of them."""
    return [(asset, codes) for asset, codes in session.execute(_BETWEEN, {"first": first, "stop": stop, "most": most})]
