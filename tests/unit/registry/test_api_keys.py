"""API keys: how long one opens what its scopes allow, and for whom."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from provenance.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound
from registry.database import Store
from registry.keys import api_keys
from registry.keys.api_keys import ADMIN, ASSETS_WRITE, DISPUTES_WRITE, TOUCH_INTERVAL, Holder
from tests.logs.records import START

MOMENT = timedelta(milliseconds=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One for all stories: each makes keys of its own."""
    opened = Store.open(tmp_path_factory.mktemp("data"))
    yield opened
    opened.close()


def mint(store: Store, **wanted: Any) -> str:
    return api_keys.mint(store, **{"name": "desk", "scopes": [ASSETS_WRITE], "now": START} | wanted)


def opens(store: Store, key: str, at: datetime) -> bool:
    try:
        api_keys.authenticate(store, key, at)
    except NotAuthenticated:
        return False
    return True


def used_last(store: Store, key: str) -> datetime | None:
    store.write(lambda _session: None).result()  # behind the note, which nobody waits for
    return api_keys.of_token(store, key).last_used_at


def test_a_key_has_the_name_the_scopes_and_the_times_it_was_made_with(store: Store) -> None:
    end = START + timedelta(days=3)
    key = mint(store, name="the desk", scopes=[DISPUTES_WRITE, ASSETS_WRITE, ASSETS_WRITE], expires_at=end)
    view = api_keys.of_token(store, key)
    assert (view.name, view.scopes, view.publisher) == ("the desk", (ASSETS_WRITE, DISPUTES_WRITE), None)
    assert (view.created_at, view.expires_at, view.revoked_at, view.last_used_at) == (START, end, None, None)
    assert view == api_keys.get(store, view.id)
    assert view in api_keys.listed(store)
    assert key.startswith(f"cmk_{view.prefix}_")
    holder = api_keys.authenticate(store, key, START)
    assert holder == Holder(view.id, "the desk", frozenset({ASSETS_WRITE, DISPUTES_WRITE}), None)
    assert holder.owner == view.id, "what a key of no publisher brings is the key's own"


def test_a_key_opens_what_its_scopes_say_and_an_admin_key_all(store: Store) -> None:
    holder = api_keys.authenticate(store, mint(store), START)
    admin = api_keys.authenticate(store, mint(store, scopes=[ADMIN]), START)
    assert [each.may(ASSETS_WRITE) for each in (holder, admin)] == [True, True]
    assert [each.may(DISPUTES_WRITE) for each in (holder, admin)] == [False, True]


def test_the_end_of_a_key_lies_behind_its_beginning(store: Store) -> None:
    with pytest.raises(InvalidRequest):
        mint(store, expires_at=START)
    key = mint(store, expires_at=START + MOMENT)
    assert opens(store, key, START)
    assert not opens(store, key, START + MOMENT)


def test_a_key_with_another_secret_or_of_nobody_opens_nothing(store: Store) -> None:
    one, other = mint(store), mint(store)
    assert not opens(store, one[:13] + other[13:], START)
    assert not opens(store, "cmk_aaaaaaaa_" + one[13:], START)
    for damaged in (one[:-1], one + "A", " " + one, one.upper(), one.replace("_", "-", 1), ""):
        assert not opens(store, damaged, START)


def test_the_last_use_is_kept_to_the_minute_so_that_a_busy_key_does_not_write_all_the_time(store: Store) -> None:
    key = mint(store)
    assert used_last(store, key) is None
    noted = START
    for at, written in (
        (START, True),
        (START + TOUCH_INTERVAL - MOMENT, False),
        (START + TOUCH_INTERVAL, True),
        (START + TOUCH_INTERVAL * 2 - MOMENT, False),
    ):
        assert opens(store, key, at)
        noted = at if written else noted
        assert used_last(store, key) == noted


def test_a_refused_key_is_not_recorded_as_used(store: Store) -> None:
    key = mint(store, expires_at=START + MOMENT)
    assert not opens(store, key, START + MOMENT)
    assert used_last(store, key) is None


def test_a_replaced_key_goes_on_for_the_overlap_and_the_new_one_lasts_as_long_as_the_old(store: Store) -> None:
    life, overlap = timedelta(days=30), timedelta(hours=1)
    old = mint(store, name="the desk", scopes=[DISPUTES_WRITE, ASSETS_WRITE], expires_at=START + life)
    rotated = START + timedelta(days=10)
    new = api_keys.rotate(store, api_keys.of_token(store, old).id, now=rotated, overlap=overlap)
    assert new != old
    assert opens(store, old, rotated + overlap - MOMENT)
    assert not opens(store, old, rotated + overlap)
    assert opens(store, new, rotated + life - MOMENT)
    assert not opens(store, new, rotated + life)
    before, after = api_keys.of_token(store, old), api_keys.of_token(store, new)
    assert (after.name, after.scopes, after.publisher) == (before.name, before.scopes, before.publisher)
    assert after.created_at == rotated


def test_the_key_in_place_of_one_that_has_no_end_has_none(store: Store) -> None:
    old = mint(store)
    new = api_keys.rotate(store, api_keys.of_token(store, old).id, now=START, overlap=timedelta())
    assert api_keys.of_token(store, new).expires_at is None
    assert not opens(store, old, START)
    assert opens(store, new, START + timedelta(days=10_000))


def test_an_overlap_does_not_make_a_key_last_longer(store: Store) -> None:
    old = mint(store, expires_at=START + timedelta(hours=1))
    api_keys.rotate(store, api_keys.of_token(store, old).id, now=START, overlap=timedelta(days=1))
    assert not opens(store, old, START + timedelta(hours=1))


def test_a_key_that_has_ended_is_replaced_by_none(store: Store) -> None:
    ended, revoked = mint(store, expires_at=START + MOMENT), mint(store)
    api_keys.revoke(store, api_keys.of_token(store, revoked).id, START)
    before = api_keys.listed(store)
    for key in (ended, revoked):
        with pytest.raises(Conflict):
            api_keys.rotate(store, api_keys.of_token(store, key).id, now=START + MOMENT, overlap=timedelta(days=1))
    assert api_keys.listed(store) == before


def test_a_revoked_key_opens_nothing_from_then_on_and_the_first_revocation_counts(store: Store) -> None:
    key = mint(store)
    identity = api_keys.of_token(store, key).id
    api_keys.revoke(store, identity, START + timedelta(hours=1))
    api_keys.revoke(store, identity, START + timedelta(hours=2))
    assert not opens(store, key, START + timedelta(hours=3))
    assert api_keys.get(store, identity).revoked_at == START + timedelta(hours=1)


@pytest.mark.parametrize("scopes", [[], ["everything"], [ASSETS_WRITE, "everything"]])
def test_unknown_scopes_make_no_key(store: Store, scopes: list[str]) -> None:
    before = api_keys.listed(store)
    with pytest.raises(InvalidRequest, match=ASSETS_WRITE):
        mint(store, scopes=scopes)
    assert api_keys.listed(store) == before


def test_what_nobody_has_is_not_found(store: Store) -> None:
    key = mint(store)
    with pytest.raises(NotFound):
        mint(store, publisher="nobody")
    with pytest.raises(NotFound):
        api_keys.get(store, "key_0")
    with pytest.raises(NotFound):
        api_keys.revoke(store, "key_0", START)
    with pytest.raises(NotFound):
        api_keys.rotate(store, "key_0", now=START, overlap=timedelta())
    with pytest.raises(NotFound):
        api_keys.of_token(store, "cmk_aaaaaaaa_" + key[13:])


def test_a_key_has_a_name_that_can_be_seen(store: Store) -> None:
    with pytest.raises(InvalidRequest, match="visible"):
        mint(store, name="\u200b\u202e")
