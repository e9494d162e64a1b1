"""SQL of the inverted file: the rows of `LocalFeaturesRow`."""

from collections.abc import Collection, Iterator

from sqlmodel import Session, col, delete, func, select

from registry.database.tables import LocalFeaturesRow

_BATCH = 2_000
"""Registrations read at once: 7 MB."""


def insert(session: Session, asset: int, codes: bytes) -> None:
    """Store the features of the registration at index `asset`."""
    session.add(LocalFeaturesRow(asset=asset, codes=codes))


def remove(session: Session, asset: int) -> None:
    """Delete the features of a registration."""
    session.execute(delete(LocalFeaturesRow).where(col(LocalFeaturesRow.asset) == asset))


def clear(session: Session) -> None:
    """Delete all features."""
    session.execute(delete(LocalFeaturesRow))


def count(session: Session) -> int:
    """How many registrations have features."""
    return session.exec(select(func.count()).select_from(LocalFeaturesRow)).one()


def at(session: Session, indices: Collection[int]) -> list[tuple[int, bytes]]:
    """(index, codes) of the registrations at these indices, in log order."""
    if not indices:
        return []
    query = select(LocalFeaturesRow.asset, LocalFeaturesRow.codes).where(col(LocalFeaturesRow.asset).in_(indices))
    return list(session.exec(query.order_by(col(LocalFeaturesRow.asset))))


def read_after(session: Session, after: int) -> Iterator[list[tuple[int, bytes]]]:
    """(index, codes) of every registration after index `after`, in log order, in batches."""
    while True:
        query = select(LocalFeaturesRow.asset, LocalFeaturesRow.codes).where(col(LocalFeaturesRow.asset) > after)
        batch = list(session.exec(query.order_by(col(LocalFeaturesRow.asset)).limit(_BATCH)))
        if not batch:
            return
        yield batch
        after = batch[-1][0]
