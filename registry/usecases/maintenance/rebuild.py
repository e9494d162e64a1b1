"""Rebuilding: local features and comparisons of registrations are made anew, from the records and their blobs.

This also adds a later version of the local features. The log is not changed. Each registration keeps its old rows until
the transaction that brings the new ones, so that meanwhile searches find what they found before. A rebuilding that was
interrupted goes on where it was.
"""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from provenance.errors import CountermarkError, ExaminationUnavailable, MediaError, NotFound, StoreCorrupt
from provenance.statement.record import AssetRegistered
from registry.database import Asset, Session, assets, local_features, records, resemblances
from registry.registry import Registry
from registry.sandbox.examination import describe_thumbnail

BATCH = 200
"""Registrations per transaction; other writes to the log can go between two transactions."""


def rebuild_index(registry: Registry, *, from_start: bool = False) -> Iterator[tuple[int, str]]:
    """Describe all thumbnails anew, in all workers, and queue all comparisons.

    `from_start`: also what an earlier call has done that was interrupted.

    Yields (registrations done, "") for progress, and (registrations done, problem) for one whose thumbnail is lost,
    which keeps the local features that it has.

    Raises:
        StoreUnavailable: the store cannot be written.
    """
    with registry.store.read() as session:
        end = assets.end(session)
        first = 0 if from_start else local_features.replaced_until(session)
        done = assets.count_before(session, first)
    with ThreadPoolExecutor(registry.config.workers, thread_name_prefix="countermark-rebuild") as pool:
        for start in range(first, end, BATCH):
            with registry.store.read() as session:
                batch = assets.between(session, start, start + BATCH)
            described: dict[int, bytes] = {}
            for asset, outcome in zip(batch, pool.map(partial(_described, registry), batch), strict=True):
                if isinstance(outcome, bytes):
                    described[asset.index] = outcome
                else:
                    yield done, f"{asset.record_id.hex()}: {outcome}"
            indices = [asset.index for asset in batch]
            registry.store.write(partial(_keep, described, indices, min(start + BATCH, end))).result()
            done += len(batch)
            yield done, ""
    registry.store.write(local_features.begin_generation).result()


def _described(registry: Registry, asset: Asset) -> bytes | CountermarkError:
    try:
        thumbnail = registry.blobs.get(asset.thumbnail_sha256)
        return registry.sandbox.run(describe_thumbnail, thumbnail, digest=asset.thumbnail_sha256).codes
    except (NotFound, StoreCorrupt, MediaError, ExaminationUnavailable) as error:
        return error


def _keep(described: Mapping[int, bytes], indices: Collection[int], end: int, session: Session) -> None:
    held = assets.by_index(session, indices)  # one of them may have been erased while it was described
    local_features.replace(session, {index: codes for index, codes in described.items() if index in held})
    for index, asset in sorted(held.items()):
        if resemblances.progress(session, index) is None:
            resemblances.enqueue(session, asset, _rendition_of(session, asset), claimed_until_ms=0)
    resemblances.requeue(session, held)
    local_features.note_replaced(session, end)


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
