"""The audit of the blobs: one list and one read of each, however many rows name it."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from provenance.errors import NotFound, StoreCorrupt
from registry.database.audit import DigestSet
from registry.storage.blobs import Blobs
from registry.usecases.maintenance.fsck.defect import Defect, Progress


class BlobAudit:
    """Reads all blobs; then tells which there are, without asking the storage for each."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._listed = DigestSet()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._listed.close()

    def __contains__(self, sha256: bytes) -> bool:
        """Whether there is such a blob, damaged or not: one that was stored since the list was made, too."""
        return sha256 in self._listed or sha256 in self._blobs

    def read(self, progress: Progress) -> Iterator[Defect]:
        """Read every blob, and report those that have changed, and what is no blob. Raises StoreUnavailable."""
        for name, found in self._blobs.visit(self._read, lambda done: progress("blobs", done, 0)):
            if isinstance(name, bytes):
                self._listed.add(name)
            if found is not None:
                yield found

    def _read(self, name: bytes | str) -> tuple[bytes | str, Defect | None]:
        if isinstance(name, str):
            return name, Defect("blob", name, "not the name of a blob")
        try:
            self._blobs.get(name)
        except StoreCorrupt:
            return name, Defect("blob", name.hex(), "the bytes have changed")
        except NotFound:  # deleted since
            pass
        return name, None
