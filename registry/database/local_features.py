"""SQL of the inverted file: the rows of `LocalFeaturesRow`."""

from collections.abc import Collection, Iterator, Mapping

from sqlmodel import Session, col, delete, func, select

from registry.database.tables import FeatureGeneration, LocalFeaturesRow

_BATCH = 2_000
"""Registrations read at once: 7 MB."""


def insert(session: Session, asset: int, codes: bytes) -> None:
    """Store the features of the registration at index `asset`."""
    session.add(LocalFeaturesRow(asset=asset, codes=codes))


def remove(session: Session, asset: int) -> None:
    """Delete the features of a registration."""
    session.execute(delete(LocalFeaturesRow).where(col(LocalFeaturesRow.asset) == asset))


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
    """Note that features were replaced."""
    session.merge(FeatureGeneration(id=1, generation=generation(session) + 1))
    session.flush()


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
