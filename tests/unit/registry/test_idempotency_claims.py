"""Claims to an Idempotency-Key: held by one process at a time, and by none that is gone."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from provenance.errors import Conflict
from registry.database import Store, idempotency
from registry.database.tables import IdempotencyClaim

pytestmark = pytest.mark.timing

Claim = Callable[[str, int, int], None]


@pytest.fixture
def store(database: str, tmp_path: Path) -> Iterator[Store]:
    with ExitStack() as closing:
        store = Store.open(tmp_path, database)
        closing.callback(store.close)
        yield store


def claim(store: Store, holder: str, now: int, until: int) -> None:
    store.write(
        lambda session: idempotency.claim(session, "key", "api key", holder=holder, now_ms=now, until_ms=until)
    ).result()


def release(store: Store, holder: str) -> None:
    store.write(lambda session: idempotency.release(session, "key", "api key", holder=holder)).result()


def test_a_claim_goes_to_another_only_when_its_lease_has_ended(store: Store) -> None:
    claim(store, "first", 0, 10)
    with pytest.raises(Conflict):
        claim(store, "second", 9, 19)
    store.write(lambda session: idempotency.renew(session, "key", "api key", holder="first", until_ms=20)).result()
    with pytest.raises(Conflict):
        claim(store, "second", 19, 29)
    claim(store, "second", 20, 30)


def test_who_held_a_claim_before_takes_nothing_from_who_holds_it(store: Store) -> None:
    claim(store, "first", 0, 10)
    claim(store, "second", 10, 20)
    release(store, "first")
    store.write(lambda session: idempotency.renew(session, "key", "api key", holder="first", until_ms=5)).result()
    with pytest.raises(Conflict):
        claim(store, "third", 15, 25)
    release(store, "second")
    claim(store, "third", 15, 25)


def test_the_claims_of_processes_that_are_gone_are_forgotten_in_the_end(store: Store) -> None:
    claim(store, "gone", 0, 10)

    def forgotten(before: int) -> bool:
        store.write(lambda session: idempotency.forget(session, before)).result()
        with store.read() as session:
            return session.get(IdempotencyClaim, ("key", "api key")) is None

    assert [forgotten(before) for before in (10, 11)] == [False, True]


def test_of_many_processes_one_gets_the_claim(database: str, tmp_path: Path) -> None:
    """SQLite is one process's; there it is its requests that race."""
    with ExitStack() as closing:
        stores = []
        for number in range(4 if database else 1):
            stores.append(Store.open(tmp_path / str(number), database))
            closing.callback(stores[-1].close)

        def try_it(number: int) -> bool:
            try:
                claim(stores[number % len(stores)], f"holder {number}", 0, 10)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(try_it, range(16))) == 1
