"""Readers: who may read what is sealed, and where a registration is held."""

from dataclasses import dataclass

from provenance.errors import Sealed
from registry.database import Asset, SealedAsset, Session, assets, sealed


@dataclass(frozen=True)
class Reader:
    """Who asks. `publisher`: whose sealed records it may read; `all`: everybody's, as the operator may."""

    publisher: str | None = None
    all: bool = False

    def may_read(self, publisher: str) -> bool:
        """Whether the sealed records of a publisher are open to it."""
        return self.all or publisher == self.publisher


ANYBODY = Reader()


def held(session: Session, record_id: bytes, reader: Reader = ANYBODY) -> Asset | SealedAsset:
    """Where a registration is held, if the reader may read it. Raises NotFound, Sealed, Erased."""
    public = assets.find(session, record_id)
    if public is not None:
        return public
    kept_back = sealed.find(session, record_id)
    if kept_back is not None and reader.may_read(kept_back.publisher_id):
        return kept_back
    return assets.get(session, record_id)


def check_readable(session: Session, record_id: bytes, reader: Reader = ANYBODY) -> None:
    """Raises Sealed for a record that is kept back from this reader; other records pass, and unknown ones too."""
    kept_back = sealed.find(session, record_id)
    if kept_back is not None and not reader.may_read(kept_back.publisher_id):
        raise Sealed("this record is sealed: its publisher keeps it back for now")
