"""Rebuilding: the similarity index made anew gives the answers of the one before."""

from pathlib import Path

from registry.database import assets, local_features, pdq
from registry.usecases.maintenance.rebuild import rebuild_index
from tests.unit.registry.desk import open_desk, register, verify
from tests.unit.verification.pictures import DOGS, MOUNTAINS, ROCKET, photo, recompressed


def test_a_rebuilt_index_holds_what_it_held_and_what_was_lost_is_back(tmp_path: Path) -> None:
    with open_desk(tmp_path) as registry:
        for name in (MOUNTAINS, DOGS, ROCKET):
            register(registry, photo(name))
        with registry.store.read() as session:
            before = [each for batch in local_features.read_after(session, -1) for each in batch]
            hashes = pdq.count_indexed(session)
        registry.store.write(lambda session: local_features.remove(session, before[0][0])).result()
        registry.store.write(pdq.clear_chunks).result()
        assert list(rebuild_index(registry)) == [(3, "")]
        with registry.store.read() as session:
            assert [each for batch in local_features.read_after(session, -1) for each in batch] == before
            assert pdq.count_indexed(session) == hashes
        assert verify(registry, recompressed(MOUNTAINS))["matches"]


def test_a_registration_without_its_thumbnail_is_named_and_the_others_are_indexed(tmp_path: Path) -> None:
    with open_desk(tmp_path) as registry:
        record = register(registry, photo(MOUNTAINS)).asset.id
        register(registry, photo(DOGS))
        with registry.store.read() as session:
            lost = assets.get(session, bytes.fromhex(record)).thumbnail_sha256
        registry.blobs.delete(lost)
        (_, finding), last = rebuild_index(registry)
        assert finding.startswith(record)
        assert last == (2, "")
        with registry.store.read() as session:
            assert local_features.count(session) == 1
