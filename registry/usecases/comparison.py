"""Comparison of a registration with those before it: the search of a verification, on what is stored of its picture.

It uses stored pictures, so that any process can rebuild the view with the same results: the credentialed copy where the
publisher lets one be stored, else the thumbnail, which is the canonical picture (ADR 24).
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from provenance.errors import NotFound, StoreCorrupt
from provenance.media.local_features import LocalFeatures
from provenance.media.media import Pixels
from provenance.statement.record import AssetRevealed, MediaFacts
from provenance.verification.evidence import Unchecked
from provenance.verification.findings import resemblance
from provenance.verification.findings.resemblance import Found
from registry.database import Asset, Session, assets, events, resemblances
from registry.database.resemblances import Pair
from registry.registry import Registry
from registry.sandbox.examination import DescribedThumbnail, describe_thumbnail, read_picture
from registry.search.selection import EVERYTHING
from registry.usecases import standing
from registry.usecases.report import comparison_json
from registry.usecases.verify import SandboxMatcher, StoredRegistrations


def compare(registry: Registry, index: int, features: LocalFeatures | None = None) -> Sequence[int]:
    """Compare the public registration at an index with those before it, unless that was done, and store the results.

    Args:
        features: of its thumbnail, which are extracted again where they are not known.

    Returns:
        the registrations to compare again: those that resemble one revealed after them.

    Raises:
        CountermarkError: the comparison failed, and stays queued.
    """
    with registry.store.read() as session:
        row = assets.by_index(session, [index]).get(index)
        progress = resemblances.progress(session, index)
        if row is None or progress is None or progress.method is not None:
            return ()
        media = standing.known(session, row.record_id).record.media
        late = bool(events.of_type(session, row.record_id, AssetRevealed.TYPE))
    with _open_stored(registry, row) as picture:
        stored = _Stored(*picture, row.thumbnail_sha256, features)
        found, left_out = _look(registry, media, stored, range(index))
        newer = _look(registry, media, stored, range(index + 1, EVERYTHING.stop))[0] if late else ()
    again: list[int] = []

    def keep(session: Session) -> None:
        known = {
            each.record_id: each.index
            for each in assets.find_many(session, [one.record_id for one in (*found, *newer)])
        }
        pairs = [_pair(each, known[each.record_id]) for each in found if known.get(each.record_id, index) < index]
        said = [(each.what, each.why) for each in left_out]
        resemblances.save(session, index, pairs, method=resemblance.METHOD, left_out=said)
        again[:] = sorted(known[each.record_id] for each in newer if known.get(each.record_id, index) > index)
        resemblances.requeue(session, again)

    registry.store.write(keep).result()
    return again


@dataclass(frozen=True, eq=False)
class _Stored:
    """What is stored of a picture: its path with the SHA-256 of its bytes; its thumbnail, and the features of that."""

    path: Path
    sha256: bytes
    thumbnail: bytes
    features: LocalFeatures | None


class _StoredMatcher(SandboxMatcher):
    """Searches with the features of the thumbnail, which registering has extracted and the index has."""

    def __init__(self, registrations: StoredRegistrations, stored: _Stored) -> None:
        super().__init__(registrations, stored.path, stored.sha256)
        self._stored = stored

    def describe(self, query: Pixels) -> LocalFeatures:
        if self._stored.features is not None:
            return self._stored.features
        try:
            thumbnail = self._registrations.registry.blobs.get(self._stored.thumbnail)
        except (NotFound, StoreCorrupt):  # the copy shows the same
            return super().describe(query)
        described: DescribedThumbnail = self.run(describe_thumbnail, thumbnail)
        return described.query


def _look(
    registry: Registry, media: MediaFacts, stored: _Stored, within: range
) -> tuple[tuple[Found, ...], tuple[Unchecked, ...]]:
    with StoredRegistrations(registry, within) as registrations:
        matcher = _StoredMatcher(registrations, stored)
        prints, canonical = matcher.run(read_picture, stored.path, stored.sha256)
        return resemblance.search(media, prints, canonical, registrations, matcher)


@contextmanager
def _open_stored(registry: Registry, row: Asset) -> Iterator[tuple[Path, bytes]]:
    """The stored picture of a registration: its path, and the SHA-256 of its bytes."""
    with ExitStack() as files:
        sha256, path = row.signed_blob_sha256, None
        if sha256 is not None:
            with suppress(NotFound, StoreCorrupt):  # the thumbnail shows the same, smaller
                path = files.enter_context(registry.blobs.lend(sha256, registry.spool))
        if sha256 is None or path is None:
            sha256 = row.thumbnail_sha256
            path = files.enter_context(registry.blobs.lend(sha256, registry.spool))
        yield path, sha256


def _pair(found: Found, older: int) -> Pair:
    compared = found.comparison
    return Pair(
        older=older,
        value=found.value.value,
        differs_inside=found.differs_inside,
        detail=found.detail,
        comparison=None if compared is None else comparison_json(compared),
    )
