"""Rebuilding the similarity index: all its views, from the records and their blobs.

This also adds a later version of a fingerprint. The log is not changed, and searches find the same as before.
"""

from collections.abc import Iterator, Sequence

from provenance.errors import CountermarkError, ExaminationUnavailable, MediaError, NotFound, StoreCorrupt
from provenance.statement.record import AssetRegistered
from registry.database import Asset, Session, assets, local_features, records, resemblances
from registry.registry import Registry
from registry.sandbox.examination import describe_thumbnail

BATCH = 200
"""Registrations per transaction; other writes to the log can go between two transactions."""


def rebuild_index(registry: Registry) -> Iterator[tuple[int, str]]:
    """Rebuild the similarity index. Yields (registrations done, "") for progress, and (registrations done, problem) for
    one whose thumbnail is lost, which is found by its hash alone.

    Raises:
        StoreUnavailable: the store cannot be written.
    """
    registry.store.write(registry.index.rebuild).result()
    registry.store.write(local_features.clear).result()
    registry.store.write(resemblances.clear).result()
    with registry.store.read() as session:
        end = assets.end(session)
    done = 0
    for start in range(0, end, BATCH):
        with registry.store.read() as session:
            batch = assets.between(session, start, start + BATCH)
        described = []
        for asset in batch:
            try:
                thumbnail = registry.blobs.get(asset.thumbnail_sha256)
                codes = registry.sandbox.run(describe_thumbnail, thumbnail, digest=asset.thumbnail_sha256)
                described.append((asset, codes))
            except (NotFound, StoreCorrupt, MediaError, ExaminationUnavailable) as error:
                yield done, f"{asset.record_id.hex()}: {error}"

        def keep(
            session: Session, batch: Sequence[Asset] = batch, described: list[tuple[Asset, bytes]] = described
        ) -> None:
            for asset, codes in described:
                local_features.insert(session, asset.index, codes)
            for asset in batch:
                if resemblances.progress(session, asset.index) is None:
                    resemblances.enqueue(session, asset, _rendition_of(session, asset), claimed_until_ms=0)

        registry.store.write(keep).result()
        done += len(batch)
        yield done, ""


def _rendition_of(session: Session, asset: Asset) -> bytes | None:
    try:
        record = records.get(session, asset.record_id)
    except CountermarkError:  # its comparison reports the problem
        return None
    return record.rendition_of if isinstance(record, AssetRegistered) else None


def compare_all(registry: Registry) -> Iterator[tuple[int, str]]:
    """Compare all registrations that wait for it. Yields as `rebuild_index` does."""
    after, done = -1, 0
    while True:
        with registry.store.read() as session:
            batch = resemblances.waiting_after(session, after, BATCH)
        if not batch:
            return
        for index in batch:
            try:
                registry.comparisons.run(index)
            except CountermarkError as error:
                yield done, f"registration {index} is not compared with others: {error}"
            done += 1
            yield done, ""
        after = batch[-1]
