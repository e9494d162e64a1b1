"""Migration of a store: everything arrives, the root is the same, or nothing has happened."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from provenance.errors import Conflict, StoreCorrupt
from registry.database import Store, copying, rows, verifications
from registry.usecases.maintenance import fsck
from registry.usecases.maintenance.migration import Migrated, migrate
from tests.postgres import PostgresServer
from tests.unit.registry.newsroom import Newsroom


def unheard(_table: str, _done: int, _all: int) -> None:
    """The `Progress` of who does not want to know."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log with a few of everything, of which one registration is withdrawn."""
    with Newsroom(tmp_path / "data") as newsroom:
        newsroom.found()
        pictures = [newsroom.register(f"picture {number} – “łódź”").result() for number in range(20)]
        newsroom.withdraw(pictures[3].record_id).result()
        newsroom.state_key("rotate", "second key")
        report = rows.verification(verification_id="1", created_at_ms=5, report=b"{\0}")
        newsroom.store.write(
            lambda session: verifications.insert(
                session, report, {bytes(32): newsroom.blobs.put(b"drawn")}, [pictures[0].record_id]
            )
        ).result()
    return tmp_path / "data"


@pytest.fixture
def target(folder: Path, postgres: PostgresServer) -> Iterator[tuple[str, Store]]:
    url = postgres.new_database()
    with closing(Store.open(folder, url)) as store:
        yield url, store


def move(folder: Path, target: Store) -> Migrated:
    with Newsroom(folder) as newsroom:
        log_key = newsroom.sequencer.key
    with closing(Store.open(folder)) as source:
        return migrate(source, target, log_key, unheard)


def all_rows(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.read() as session:
        connection = session.connection()
        return {
            table.name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for table in copying.copied_tables()
        }


def test_every_row_arrives_and_the_log_goes_on_from_the_same_root(folder: Path, target: tuple[str, Store]) -> None:
    url, store = target
    with Newsroom(folder) as newsroom:
        note = newsroom.sequencer.checkpoint()
        before = all_rows(newsroom.store)
    moved = move(folder, store)
    assert moved.size == 24
    assert moved.rows == sum(map(len, before.values()))
    assert all_rows(store) == before
    store.close()
    with Newsroom(folder, database=url) as newsroom:
        assert newsroom.sequencer.checkpoint() == note
        assert newsroom.register("one more", key="second key").result().index == 24
        assert newsroom.register("picture 0 – “łódź”", key="second key", salt="again").result().index == 2
        assert not list(fsck.check(newsroom.store, newsroom.blobs, newsroom.sequencer.key))


def test_the_store_that_was_left_behind_cannot_sign_again(folder: Path, target: tuple[str, Store]) -> None:
    url, store = target
    move(folder, store)
    store.close()
    with Newsroom(folder, database=url) as newsroom:
        newsroom.register("one more", key="second key").result()
    with pytest.raises(StoreCorrupt, match="this is an older copy"):
        Newsroom(folder)


def test_a_target_that_holds_anything_is_refused_and_left_alone(folder: Path, target: tuple[str, Store]) -> None:
    _, store = target
    move(folder, store)
    before = all_rows(store)
    with pytest.raises(Conflict, match=r"not empty.*24 in entry"):
        move(folder, store)
    assert all_rows(store) == before


def test_an_interrupted_migration_leaves_nothing_and_can_be_repeated(folder: Path, target: tuple[str, Store]) -> None:
    _, store = target
    empty = all_rows(store)
    with Newsroom(folder) as newsroom:
        key = newsroom.sequencer.key
    for stage in ("entry", "asset", "root"):

        def interrupt(table: str, done: int, _all: int, stage: str = stage) -> None:
            if table == stage and done:
                raise OSError("pulled the plug")

        with closing(Store.open(folder)) as source, pytest.raises(OSError, match="plug"):
            migrate(source, store, key, interrupt)
        assert all_rows(store) == empty
    assert move(folder, store).size == 24


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ('UPDATE entry SET statement = zeroblob(100) WHERE "index" = 7', "root that the log has signed"),
        ('DELETE FROM entry WHERE "index" = 7', "missing"),
        (
            "UPDATE checkpoint SET note = zeroblob(100) WHERE size = (SELECT max(size) FROM checkpoint)",
            "not a checkpoint of",
        ),
        ("UPDATE log_head SET size = 23, frontier = (SELECT frontier FROM log_head)", "head of the log has changed"),
    ],
)
def test_a_source_that_is_not_sound_is_not_taken_over(
    folder: Path, target: tuple[str, Store], damage: str, complaint: str
) -> None:
    _, store = target
    empty = all_rows(store)
    with Newsroom(folder) as newsroom:
        key = newsroom.sequencer.key
        newsroom.tamper(damage)
    with closing(Store.open(folder)) as source, pytest.raises(StoreCorrupt, match=complaint):
        migrate(source, store, key, unheard)
    assert all_rows(store) == empty


def test_a_target_on_which_a_service_runs_is_refused(folder: Path, postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.new_database()
    with (
        Newsroom(tmp_path / "other", database=url),
        closing(Store.open(folder, url)) as target,
        pytest.raises(Conflict, match="another process"),
    ):
        move(folder, target)


def test_every_table_is_copied_but_the_election(target: tuple[str, Store]) -> None:
    _, store = target
    with store.read() as session:
        there = set(
            session.connection().execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
        )
    assert there - {table.name for table in copying.copied_tables()} == {"log_leader", "alembic_version"}
