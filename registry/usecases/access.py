"""Access to sealed registrations."""

from dataclasses import dataclass

from provenance.errors import Sealed
from registry.database import Asset, SealedAsset, Session, assets, sealed


@dataclass(frozen=True)
class Reader:
    """The caller. `publisher`: whose sealed records it may read; `all`: all sealed records, as for the operator."""

    publisher: str | None = None
    all: bool = False

    def may_read(self, publisher: str) -> bool:
        """Whether the caller may read the sealed records of a publisher."""
        return self.all or publisher == self.publisher


ANYBODY = Reader()


def find_readable_asset(session: Session, record_id: bytes, reader: Reader = ANYBODY) -> Asset | SealedAsset:
    """The row of a registration that the reader may read. Raises NotFound, Sealed, Erased."""
    public = assets.find(session, record_id)
    if public is not None:
        return public
    row = sealed.find(session, record_id)
    if row is not None and reader.may_read(row.publisher_id):
        return row
    return assets.get(session, record_id)


def check_readable(session: Session, record_id: bytes, reader: Reader = ANYBODY) -> None:
    """Raises Sealed for a sealed record that the reader may not read; passes all others, unknown ones too."""
    row = sealed.find(session, record_id)
    if row is not None and not reader.may_read(row.publisher_id):
        raise Sealed("this record is sealed: its publisher keeps it back for now")
