"""What is read of the store: one snapshot between two runs of a worker, and nothing of it twice."""

import hashlib
import io
import json
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sqlalchemy import Connection, Engine, event

from provenance.errors import StoreUnavailable
from registry.database import Session, Store, assets, events
from registry.registry import Registry
from registry.sandbox import Sandbox
from registry.usecases.verify import verify_file
from tests.unit.registry.desk import open_desk, register
from tests.unit.verification.pictures import MOUNTAINS, ROCKET, photo


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with open_desk(tmp_path_factory.mktemp("desk") / "data", compares=True) as registry:
        for picture in (ROCKET, MOUNTAINS):
            compared = register(registry, photo(picture)).compared
            assert compared is not None
            compared.result()
        yield registry


def altered(data: bytes) -> bytes:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    ImageDraw.Draw(picture).rectangle((300, 200, 520, 420), fill=(200, 30, 30))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return file.getvalue()


@contextmanager
def observed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """What this thread takes: snapshots and queries, runs of a worker, and such runs while a snapshot is held."""
    here, seen, held = threading.get_ident(), Counter[str](), set[Connection]()

    def begun(connection: Connection) -> None:
        if threading.get_ident() == here:
            held.add(connection)
            seen["snapshots"] += 1

    def queried(_connection: object, _cursor: object, text: str, *_: object) -> None:
        if threading.get_ident() == here:
            seen["queries"] += text.lstrip().startswith("SELECT")

    run = Sandbox.run

    def ran(*given: Any, **how: Any) -> Any:
        if threading.get_ident() == here:
            seen["runs"] += 1
            seen["runs while a snapshot is held"] += bool(held)
        return run(*given, **how)

    listeners = {"begin": begun, "rollback": held.discard, "commit": held.discard, "before_cursor_execute": queried}
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(Sandbox, "run", ran)
            yield seen
    finally:
        for name, listener in listeners.items():
            event.remove(Engine, name, listener)


def verified(registry: Registry, data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Counter[str]]:
    path, sha256 = registry.spool / "question", hashlib.sha256(data).digest()
    path.write_bytes(data)
    with observed(monkeypatch) as seen:
        report = json.loads(verify_file(registry, path=path, sha256=sha256, size=len(data)))
    return report["headline"]["code"], seen


def test_an_exact_match_takes_two_snapshots_and_no_fact_twice(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.answers.clear()
    for most in (14, 4):  # the first answer about a record, and the next
        headline, seen = verified(registry, photo(MOUNTAINS), monkeypatch)
        assert headline == "EXACT_MATCH"
        assert (seen["snapshots"], seen["runs"]) == (2, 1)
        assert seen["queries"] <= most


def test_an_altered_picture_takes_a_snapshot_between_any_two_runs_of_a_worker_at_most(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    headline, seen = verified(registry, altered(photo(MOUNTAINS)), monkeypatch)
    assert headline == "MATCH_WITH_DIFFERENCES"
    assert seen["snapshots"] <= min(seen["runs"] + 1, 5)
    assert seen["queries"] <= 31


@pytest.mark.parametrize("known", [True, False])
def test_no_snapshot_is_held_while_a_worker_computes(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    """It would keep SQLite's WAL and an erasure waiting for as long."""
    data = photo(MOUNTAINS)
    _, seen = verified(registry, data if known else altered(data), monkeypatch)
    assert seen["runs"]
    assert not seen["runs while a snapshot is held"]


def large() -> bytes:
    """A picture of some megabytes, as a camera has it."""
    picture = Image.open(io.BytesIO(photo(MOUNTAINS))).convert("RGB")
    pixels = np.asarray(picture.resize((picture.width * 2, picture.height * 2)), np.int16)
    noise = np.random.default_rng(1).integers(-3, 4, pixels.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def test_the_server_reads_no_picture_that_is_verified_or_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers read them, by their paths: what was handed in, and the stored copy that it is compared with."""
    data = large()
    with open_desk(tmp_path / "data") as registry:
        register(registry, data, credential="embedded")
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        ImageDraw.Draw(picture).rectangle((600, 400, 1000, 800), fill=(200, 30, 30))
        file = io.BytesIO()
        picture.save(file, "PNG", compress_level=1)
        tracemalloc.start()
        try:
            for each, headline in ((data, "EXACT_MATCH"), (file.getvalue(), "MATCH_WITH_DIFFERENCES")):
                path, sha256 = registry.spool / "question", hashlib.sha256(each).digest()
                path.write_bytes(each)
                tracemalloc.reset_peak()
                before, _ = tracemalloc.get_traced_memory()
                report = json.loads(verify_file(registry, path=path, sha256=sha256, size=len(each)))
                _, peak = tracemalloc.get_traced_memory()
                assert report["headline"]["code"] == headline
                assert peak - before < len(data) / 2
        finally:
            tracemalloc.stop()
    assert report["matches"][0]["comparison"]["reference"] != "sketch"


def test_what_a_snapshot_has_told_is_asked_no_second_time(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    with registry.store.read() as session:
        record = assets.page(session, limit=1)[0].record_id
    with observed(monkeypatch) as seen, registry.store.read() as session:
        for _ in range(3):
            assets.get(session, record)
            events.about(session, record)
    assert (seen["snapshots"], seen["queries"]) == (1, 2)


def test_who_writes_asks_each_time(registry: Registry) -> None:
    target = bytes(32)

    def write(session: Session) -> list[int]:
        found = []
        for index in range(3):
            found.append(len(events.about(session, target)))
            events.add(session, target, index, "test.event")
        session.rollback()
        return found

    assert registry.store.write(write).result() == [0, 1, 2]


def test_a_snapshot_stays_as_it_is_until_it_is_let_go_of(registry: Registry) -> None:
    def entitled(title: str) -> None:
        def entitle(session: Session) -> None:
            (row,) = assets.page(session, limit=1)
            row.title = title
            session.add(row)

        registry.store.write(entitle).result()

    entitled("before")
    with registry.store.snapshot() as snapshot:
        with snapshot.read() as session:
            assert assets.page(session, limit=1)[0].title == "before"
        entitled("after")
        with snapshot.read() as session:
            assert assets.page(session, limit=1)[0].title == "before"
        snapshot.release()
        with snapshot.read() as session:
            assert assets.page(session, limit=1)[0].title == "after"


def test_no_snapshot_survives_a_failure_of_the_database(registry: Registry) -> None:
    with registry.store.snapshot() as snapshot:
        with pytest.raises(StoreUnavailable), snapshot.read() as first:
            raise StoreUnavailable("the server is away")
        with snapshot.read() as second:
            assert second is not first


def test_reading_leaves_no_connection_behind(registry: Registry) -> None:
    store: Store = registry.store
    for _ in range(100):  # there are 64 in all
        with store.snapshot() as snapshot, snapshot.read() as session:
            assets.count(session)
