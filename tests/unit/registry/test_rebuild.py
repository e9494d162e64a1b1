"""Rebuilding: the similarity index made anew gives the answers of the one before."""

from pathlib import Path
from typing import Any

import pytest

from provenance.media.local_features import LocalFeatures
from registry.database import assets, local_features, resemblances
from registry.registry import Registry
from registry.usecases.erasure import erase
from registry.usecases.maintenance import rebuild
from registry.usecases.maintenance.rebuild import rebuild_index
from tests.unit.registry.desk import open_desk, register, verify
from tests.unit.verification.pictures import DOGS, MOUNTAINS, ROCKET, photo, recompressed

ALL = 2**31


def test_a_rebuilt_index_holds_what_it_held_and_what_was_lost_is_back(tmp_path: Path) -> None:
    with open_desk(tmp_path) as registry:
        for name in (MOUNTAINS, DOGS, ROCKET):
            register(registry, photo(name))
        with registry.store.read() as session:
            before = local_features.between(session, 0, ALL, ALL)
        registry.store.write(lambda session: local_features.remove(session, before[0][0])).result()
        assert list(rebuild_index(registry)) == [(3, "")]
        with registry.store.read() as session:
            assert local_features.between(session, 0, ALL, ALL) == before
        assert verify(registry, recompressed(MOUNTAINS))["matches"]


def test_a_registration_without_its_thumbnail_is_named_and_keeps_what_it_has(tmp_path: Path) -> None:
    with open_desk(tmp_path) as registry:
        record = register(registry, photo(MOUNTAINS)).asset.id
        register(registry, photo(DOGS))
        with registry.store.read() as session:
            lost = assets.get(session, bytes.fromhex(record)).thumbnail_sha256
            before = local_features.between(session, 0, ALL, ALL)
        registry.blobs.delete(lost)
        (_, finding), last = rebuild_index(registry)
        assert finding.startswith(record)
        assert last == (2, "")
        with registry.store.read() as session:
            assert local_features.between(session, 0, ALL, ALL) == before


def test_what_is_found_is_found_while_the_index_is_rebuilt(tmp_path: Path) -> None:
    with open_desk(tmp_path) as registry:
        for name in (MOUNTAINS, DOGS):
            register(registry, photo(name))
        ((_, codes), _) = features_of(registry)

        def proposed() -> list[int]:
            with registry.store.read() as session:
                features = LocalFeatures(codes, codes)
                return [each.index for each in registry.inverted_file.candidates(session, features).proposals]

        before, rows = proposed(), features_of(registry)
        for _ in rebuild_index(registry):
            assert proposed() == before
            assert features_of(registry) == rows
        with registry.store.read() as session:
            assert resemblances.waiting_after(session, -1, 10) == [index for index, _ in rows]


def test_a_rebuilding_that_was_interrupted_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "BATCH", 1)
    described = []
    with open_desk(tmp_path) as registry:
        for name in (MOUNTAINS, DOGS, ROCKET):
            register(registry, photo(name))
        before, run = features_of(registry), registry.sandbox.run

        def counted(*args: Any, **named: Any) -> Any:
            described.append(args)
            return run(*args, **named)

        monkeypatch.setattr(registry.sandbox, "run", counted)
        for done, _ in rebuild_index(registry):
            if done == 2:
                break
        with registry.store.read() as session:
            assert local_features.generation(session) == 0
        assert list(rebuild_index(registry))[-1] == (3, "")
        assert len(described) == 3
        assert features_of(registry) == before
        with registry.store.read() as session:
            assert local_features.generation(session) == 1
        assert list(rebuild_index(registry))[-1] == (3, "")
        assert len(described) == 6
        for done, _ in rebuild_index(registry):
            if done == 2:
                break
        assert list(rebuild_index(registry, from_start=True))[-1] == (3, "")
        assert len(described) == 6 + 2 + 3


def test_one_that_is_erased_while_it_is_described_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_desk(tmp_path) as registry:
        record = bytes.fromhex(register(registry, photo(MOUNTAINS)).asset.id)
        run = registry.sandbox.run

        def erase_meanwhile(*args: Any, **named: Any) -> Any:
            described = run(*args, **named)
            erase(registry, record=record, reason="asked for")
            return described

        monkeypatch.setattr(registry.sandbox, "run", erase_meanwhile)
        list(rebuild_index(registry))
        assert features_of(registry) == []


def features_of(registry: Registry) -> list[tuple[int, bytes]]:
    with registry.store.read() as session:
        return local_features.between(session, 0, ALL, ALL)
