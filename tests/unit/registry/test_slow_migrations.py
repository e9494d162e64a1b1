"""Long transactions on PostgreSQL, on a machine on which any step between two statements takes its time."""

import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection

from registry.database import Store, postgresql
from registry.database.schema import migrate as migrate_schema
from registry.usecases.maintenance.migration import migrate
from tests.patience import MOMENT_SECONDS
from tests.postgres import PostgresServer
from tests.unit.registry.newsroom import Newsroom

pytestmark = pytest.mark.timing

STEP = 3 * MOMENT_SECONDS
"""Seconds that a step takes here: longer than our own time-outs are set to in these tests."""


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time-outs of a writing connection, as if the machine were slower by as much as they are shorter."""
    impatient = ("SET idle_in_transaction_session_timeout = '200ms'", "SET lock_timeout = '200ms'")
    monkeypatch.setattr(postgresql, "_WRITER", impatient)


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


def test_tables_are_made_however_long_a_step_takes(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(connection: Connection) -> None:
        time.sleep(STEP)
        migrate_schema(connection)
        time.sleep(STEP)

    monkeypatch.setattr(postgresql, "migrate", slowly)
    with closing(Store.open(tmp_path, url)):
        pass


def test_who_starts_waits_for_the_migration_of_another(tmp_path: Path, url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", "")) as another:
        (lock,) = postgresql._MIGRATION_LOCK.compile().params.values()
        another.execute("SELECT pg_advisory_xact_lock(%s::bigint)", (lock,))
        ending = threading.Timer(STEP, another.commit)
        ending.start()
        with closing(Store.open(tmp_path, url)):
            ending.join()


def test_a_store_is_moved_however_long_a_step_takes(tmp_path: Path, url: str) -> None:
    slow_at = {"entry", "root"}

    def slowly(stage: str, _done: int, _all: int) -> None:
        if stage in slow_at:
            slow_at.remove(stage)
            time.sleep(STEP)

    folder = tmp_path / "data"
    with Newsroom(folder) as newsroom:
        newsroom.found()
        key, size = newsroom.sequencer.key, newsroom.sequencer.size
    with closing(Store.open(folder)) as source, closing(Store.open(folder, url)) as target:
        assert migrate(source, target, key, slowly).size == size
    assert not slow_at
