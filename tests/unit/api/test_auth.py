"""For whom a key writes and reads: its own publisher, and with an admin key any."""

import pytest

from api.http.auth import check_owner, publisher_of, reader_of
from provenance.errors import NotPermitted
from registry.keys.api_keys import ADMIN, ASSETS_WRITE, Holder

DAILY = Holder("key_1", "desk", frozenset({ASSETS_WRITE}), "daily")
OF_NOBODY = Holder("key_2", "desk", frozenset({ASSETS_WRITE}), None)
ADMIN_OF_DAILY = Holder("key_3", "operator", frozenset({ADMIN}), "daily")
OPERATOR = Holder("key_4", "operator", frozenset({ADMIN}), None)


@pytest.mark.parametrize("stated", [None, "daily"])
@pytest.mark.parametrize("holder", [DAILY, ADMIN_OF_DAILY])
def test_a_key_writes_for_its_publisher_whether_that_is_named_or_not(holder: Holder, stated: str | None) -> None:
    assert publisher_of(holder, stated) == "daily"


@pytest.mark.parametrize("holder", [ADMIN_OF_DAILY, OPERATOR])
def test_an_admin_key_writes_for_whoever_is_named(holder: Holder) -> None:
    assert publisher_of(holder, "weekly") == "weekly"


@pytest.mark.parametrize(
    ("holder", "stated"), [(DAILY, "weekly"), (OF_NOBODY, "daily"), (OF_NOBODY, None), (OPERATOR, None)]
)
def test_no_other_key_writes_for_another_publisher_or_for_none(holder: Holder, stated: str | None) -> None:
    with pytest.raises(NotPermitted):
        publisher_of(holder, stated)


def test_what_a_publisher_owns_is_changed_by_its_keys_and_by_admins() -> None:
    for holder in (DAILY, ADMIN_OF_DAILY, OPERATOR):
        check_owner(holder, "daily")
    check_owner(OPERATOR, "weekly")
    for holder, owner in ((DAILY, "weekly"), (OF_NOBODY, "daily")):
        with pytest.raises(NotPermitted, match=owner):
            check_owner(holder, owner)


def test_a_reader_sees_what_is_sealed_by_its_publisher_and_an_admin_all() -> None:
    assert [(each.publisher, each.all) for each in map(reader_of, (DAILY, OF_NOBODY, OPERATOR))] == [
        ("daily", False),
        (None, False),
        (None, True),
    ]
