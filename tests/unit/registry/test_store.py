"""The store: one writer, group commit, and failures that stay with the job that caused them."""

import os
import resource
import shutil
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlmodel import SQLModel

from provenance.errors import Conflict, NotFound, RegistryError, StoreCorrupt, StoreLocked, StoreUnavailable
from provenance.limits import WAL_LIMIT_BYTES
from registry.database import Session, Store, api_keys, idempotency, publishers, rows, uploads, verifications
from registry.database.tables import Publisher
from tests.logs.records import START
from tests.patience import HUNG_SECONDS, POLL_SECONDS, eventually
from tests.postgres import PostgresServer, database_of
from tests.unit.registry.newsroom import Newsroom

POOLED = 16
"""Connections by which one process reads at a time."""

OPENER = """
import sys
from pathlib import Path
from provenance.errors import StoreLocked
from registry.database import Store
try:
    Store.open(Path(sys.argv[1]))
except StoreLocked as error:
    print(error)
"""


@pytest.fixture
def store(tmp_path: Path, database: str) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data", database)
    yield opened
    opened.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Store]:
    """SQLite in a data folder."""
    opened = Store.open(tmp_path / "data")
    yield opened
    opened.close()


def insert(session: Session, row: Publisher) -> None:
    session.add(row)
    session.flush()


def add_publisher(store: Store, name: str) -> None:
    store.write(lambda session: insert(session, publisher(name))).result()


def publisher(name: str) -> Publisher:
    return Publisher(id=name, name=name, established="operator-attested", detail="by letter")


@contextmanager
def busy_writer(store: Store) -> Iterator[None]:
    """Keeps the writer at work, so that what is written meanwhile shares the next commit."""
    started, gate = threading.Event(), threading.Event()

    def hold(_session: Session) -> None:
        started.set()
        gate.wait(HUNG_SECONDS)

    held = store.write(hold)
    started.wait(HUNG_SECONDS)
    try:
        yield
    finally:
        gate.set()
        held.result()


def names(store: Store) -> list[str]:
    with store.read() as session:
        return [row.id for row in publishers.all_of(session)]


def test_a_new_folder_is_private_to_its_user(embedded: Store) -> None:
    assert embedded.folder.stat().st_mode & 0o777 == 0o700


def test_a_written_row_is_there_after_reopening(tmp_path: Path, database: str) -> None:
    for _ in range(2):
        store = Store.open(tmp_path, database)
        if not names(store):
            add_publisher(store, "daily")
        assert names(store) == ["daily"]
        store.close()
    assert not (tmp_path / "countermark.db-wal").exists()


def test_the_migrations_make_exactly_the_tables_that_the_code_declares(store: Store) -> None:
    with store.read() as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), SQLModel.metadata) == []


def test_since_when_keys_were_stolen_is_read_from_the_revocations_of_an_earlier_version(
    tmp_path: Path, database: str
) -> None:
    def keys(store: Store) -> list[tuple[object, ...]]:
        asked = "SELECT kid, revoked_index, invalid_since_ms, invalid_since_index FROM publisher_key ORDER BY kid"
        with store.read() as session:
            return [tuple(row) for row in session.execute(text(asked))]

    with Newsroom(tmp_path, database=database) as newsroom:
        newsroom.found().state_key("enrol", "second key")
        for days in (3, 1, 2):
            newsroom.state_key("revoke", "daily key", invalid_since=START + timedelta(days=days))
        newsroom.state_key("revoke", "second key")
        expected = keys(newsroom.store)
        for column in ("invalid_since_ms", "invalid_since_index"):
            newsroom.tamper(f"ALTER TABLE publisher_key DROP COLUMN {column}")
        for later in (
            "DROP TABLE shown_record",
            "DROP INDEX ix_verification_kept_until_ms",
            "ALTER TABLE verification DROP COLUMN kept_until_ms",
            "ALTER TABLE log_head DROP COLUMN registrations",
            "DROP TABLE quota_use",
            "DROP TABLE quota_day",
            "DROP TABLE prepared_registration",
        ):
            newsroom.tamper(later)
        newsroom.tamper("UPDATE alembic_version SET version_num = '0012'")
    with closing(Store.open(tmp_path, database)) as store:
        assert keys(store) == expected
    assert sorted(row[1:] for row in expected if row[2]) == [(3, 1_772_452_800_000, 4)]


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path, database: str) -> None:
    store = Store.open(tmp_path, database)
    store.write(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'"))).result()
    store.close()
    with pytest.raises(StoreUnavailable, match="newer"):
        Store.open(tmp_path, database)


def test_a_second_process_is_refused_and_told_who_has_the_folder(embedded: Store) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", OPENER, str(embedded.folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=HUNG_SECONDS,
    )
    assert str(embedded.folder) in answer.stdout
    assert f"process {os.getpid()}" in answer.stdout


def test_a_second_store_in_the_same_process_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    first = Store.open(tmp_path)
    with pytest.raises(StoreLocked):
        Store.open(tmp_path)
    first.close()
    Store.open(tmp_path).close()


def test_a_file_that_is_no_database_is_called_corrupt(tmp_path: Path) -> None:
    (tmp_path / "countermark.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(StoreCorrupt):
        Store.open(tmp_path)


@pytest.mark.timing
def test_a_failing_job_leaves_nothing_behind_and_harms_no_other_of_its_commit(store: Store) -> None:
    def fail(session: Session) -> None:
        insert(session, publisher("half done"))
        raise ValueError("on second thoughts")

    with busy_writer(store):
        jobs = [
            store.write(lambda session: insert(session, publisher("first"))),
            store.write(fail),
            store.write(lambda session: insert(session, publisher("first"))),
            store.write(lambda session: insert(session, publisher("last"))),
        ]
    assert [type(job.exception()) for job in jobs] == [type(None), ValueError, Conflict, type(None)]
    assert names(store) == ["first", "last"]


def test_no_exception_of_the_database_library_escapes(store: Store) -> None:
    with pytest.raises(RegistryError, match="nowhere"):
        store.write(lambda session: session.execute(text("SELECT * FROM nowhere"))).result()
    with pytest.raises(RegistryError, match="nowhere"), store.read() as session:
        session.execute(text("SELECT * FROM nowhere"))


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(StoreUnavailable, match=r"read-?only"), store.read() as session:
        insert(session, publisher("smuggled"))
    assert names(store) == []


def test_a_reader_sees_one_moment_however_long_it_reads(store: Store) -> None:
    add_publisher(store, "daily")
    with store.read() as session:
        assert len(publishers.all_of(session)) == 1
        add_publisher(store, "weekly")
        session.expire_all()
        assert len(publishers.all_of(session)) == 1
    assert names(store) == ["daily", "weekly"]


@pytest.mark.timing
def test_readers_beside_each_other_open_each_connection_once(tmp_path: Path, postgres: PostgresServer) -> None:
    store = Store.open(tmp_path, postgres.new_database())
    all_read = threading.Barrier(POOLED)

    def server_process(_number: int) -> int:
        with store.read() as session:
            found = session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            all_read.wait(HUNG_SECONDS)
            return int(found)

    with ThreadPoolExecutor(POOLED) as threads:
        first, then = (set(threads.map(server_process, range(POOLED))) for _ in range(2))
    assert len(first) == POOLED
    assert then == first
    store.close()


def test_a_reader_is_served_after_the_server_has_ended_its_connection(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.new_database()
    store = Store.open(tmp_path, url)
    for _ in range(2):
        assert names(store) == []
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = "
        postgres.psql(f"{ended}'{database_of(url)}'")
    assert names(store) == []
    store.close()


def test_a_cancelled_write_is_not_done(store: Store) -> None:
    with busy_writer(store):
        waiting = store.write(lambda session: insert(session, publisher("never")))
        assert waiting.cancel()
    add_publisher(store, "after")
    assert names(store) == ["after"]


@pytest.mark.usefixtures("uncollected")
def test_a_function_that_has_written_is_let_go_without_a_next_one(store: Store) -> None:
    def write(_session: Session) -> None:
        """Holds, where it is a registration's, its signed copies."""

    written = weakref.ref(write)
    store.write(write).result()
    del write
    eventually(lambda: written() is None)


def test_writing_to_a_closed_store_is_refused(tmp_path: Path, database: str) -> None:
    store = Store.open(tmp_path, database)
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        add_publisher(store, "late")


@pytest.mark.timing
def test_the_write_ahead_log_stays_bounded_while_readers_overlap(embedded: Store) -> None:
    wal = embedded.folder / "countermark.db-wal"
    stop = threading.Event()
    largest = 0

    def read_on() -> None:
        while not stop.is_set():
            with embedded.read() as first:
                publishers.all_of(first)
                stop.wait(POLL_SECONDS)

    readers = [threading.Thread(target=read_on) for _ in range(4)]
    for reader in readers:
        reader.start()
    report = b"x" * 400_000
    for number in range(250):
        row = rows.verification(verification_id=str(number), created_at_ms=0, report=report)
        embedded.write(lambda session, row=row: verifications.insert(session, row, {})).result()
        largest = max(largest, wal.stat().st_size)
    stop.set()
    for reader in readers:
        reader.join()
    assert largest < WAL_LIMIT_BYTES + 8 * 1024 * 1024


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=8m", "none", folder]).returncode:
        pytest.skip("this user may not mount a small file system to fill")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_refuses_writes_serves_reads_and_recovers_without_a_restart(small_disk: Path) -> None:
    store = Store.open(small_disk / "data")
    add_publisher(store, "before")
    filler = fill(small_disk)
    big = rows.verification(verification_id="big", created_at_ms=0, report=bytes(1_000_000))
    with pytest.raises(StoreUnavailable):
        store.write(lambda session: verifications.insert(session, big, {})).result()
    assert names(store) == ["before"]
    filler.unlink()
    add_publisher(store, "then")
    assert names(store) == ["before", "then"]
    store.close()


def test_a_disk_that_fails_in_the_middle_of_a_commit_harms_that_commit_alone(embedded: Store) -> None:
    add_publisher(embedded, "before")
    wal = (embedded.folder / "countermark.db-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    big = rows.verification(verification_id="big", created_at_ms=0, report=bytes(1_000_000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 100_000, hard))
    try:
        with pytest.raises(StoreUnavailable):
            embedded.write(lambda session: verifications.insert(session, big, {})).result()
        assert names(embedded) == ["before"]
        add_publisher(embedded, "small enough")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    embedded.write(lambda session: verifications.insert(session, big, {})).result()
    assert names(embedded) == ["before", "small enough"]


def test_a_read_only_disk_is_unavailable(small_disk: Path) -> None:
    Store.open(small_disk / "data").close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StoreUnavailable):
        Store.open(small_disk / "data")


def test_an_api_key_is_found_by_its_prefix_until_long_after_it_is_revoked(store: Store) -> None:
    row = rows.api_key(
        key_id="1",
        prefix="abc",
        digest=bytes(32),
        name="desk",
        scopes="assets:write",
        publisher_id=None,
        created_at_ms=1,
        expires_at_ms=None,
    )
    store.write(lambda session: api_keys.insert(session, row)).result()
    store.write(lambda session: api_keys.touch(session, "1", 5)).result()
    store.write(lambda session: api_keys.revoke(session, "1", 7)).result()
    store.write(lambda session: api_keys.revoke(session, "1", 9)).result()
    with store.read() as session:
        found = api_keys.with_prefix(session, "abc")
        assert found is not None
        assert (found.last_used_at_ms, found.revoked_at_ms) == (5, 7)
        assert api_keys.with_prefix(session, "abd") is None
    with pytest.raises(NotFound):
        store.write(lambda session: api_keys.revoke(session, "2", 9)).result()


def test_an_answer_is_kept_once_and_forgotten_after_its_time(store: Store) -> None:
    def keep(created_at_ms: int) -> Future[None]:
        row = rows.kept_answer(
            key="k", api_key_id="1", request_digest=b"", status=201, response=b"{}", created_at_ms=created_at_ms
        )
        return store.write(lambda session: idempotency.insert(session, row))

    keep(10).result()
    assert isinstance(keep(11).exception(), Conflict)
    store.write(lambda session: idempotency.forget(session, 10)).result()
    with store.read() as session:
        assert idempotency.find(session, "k", "1") is not None
    store.write(lambda session: idempotency.forget(session, 11)).result()
    with store.read() as session:
        assert idempotency.find(session, "k", "1") is None


def test_uploads_are_noted_once_and_listed_by_age(store: Store) -> None:
    def note(sha256: bytes, created_at_ms: int) -> bool:
        row = rows.upload(owner="daily", sha256=sha256, size=1, created_at_ms=created_at_ms)
        return store.write(lambda session: uploads.insert(session, row)).result()

    assert note(b"b" * 32, 20)
    assert note(b"a" * 32, 10)
    assert not note(b"a" * 32, 30)
    with store.read() as session:
        assert [row.sha256[:1] for row in uploads.older(session, 25, 10)] == [b"a", b"b"]
        assert [row.sha256[:1] for row in uploads.older(session, 20, 10)] == [b"a"]
    store.write(lambda session: uploads.delete(session, "daily", b"a" * 32)).result()
    with store.read() as session:
        assert uploads.find(session, "daily", b"a" * 32) is None
