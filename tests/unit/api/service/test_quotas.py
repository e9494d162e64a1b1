"""Daily quotas and failed authentication: what counts, for whom, for how long, and what is told about it."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from api.http.admission import Party
from api.http.limits import Policy
from api.http.quotas import Quotas, forget_days
from registry.registry import Registry

T = TypeVar("T")
Headers = dict[str, str]

POLICY = Policy("verifications-daily", 10, 86_400)
NOON = datetime(2100, 7, 1, 12, tzinfo=UTC)
"""Of days that the service beside these tests neither counts nor forgets."""


class Frozen:
    """The registry, with a clock of the test's own."""

    def __init__(self, registry: Registry) -> None:
        self.store = registry.store
        self.now = NOON

    def clock(self) -> datetime:
        return self.now


@pytest.fixture
def frozen(registry: Registry) -> Iterator[Any]:
    here = Frozen(registry)
    yield here
    here.now = NOON + timedelta(days=9)
    forget_days(here)  # type: ignore[arg-type]  # as far as quotas look at it


def take(quotas: Quotas, subject: str, units: int = 1, *, spent: bool = False) -> Awaitable[Any]:
    return quotas.limiters[POLICY.name].take(subject, units, spent=spent)


def test_a_quota_holds_for_all_processes_and_outlives_restarts(frozen: Any) -> None:
    async def day() -> None:
        one, other = Quotas(frozen, [POLICY]), Quotas(frozen, [POLICY])
        for _ in range(4):
            assert (await take(one, "192.0.2.1")).allowed
        assert (await take(other, "192.0.2.1", 3)).remaining == 7
        await one.save()
        await other.save()  # now it knows of both
        assert (await take(other, "192.0.2.1", 3)).remaining == 0
        refused = await take(other, "192.0.2.1")
        assert (refused.allowed, refused.reset) == (False, 12 * 3600)
        await other.save()
        restarted = Quotas(frozen, [POLICY])
        assert not (await take(restarted, "192.0.2.1")).allowed
        assert (await take(restarted, "192.0.2.2")).remaining == 9

    asyncio.run(day())


def test_a_new_day_begins_anew_and_nothing_of_the_one_before_is_kept(frozen: Any) -> None:
    async def days() -> None:
        quotas = Quotas(frozen, [POLICY])
        assert (await take(quotas, "192.0.2.3", 10)).remaining == 0
        await quotas.save()
        frozen.now += timedelta(hours=12)
        assert (await take(quotas, "192.0.2.3", 4)).remaining == 6
        await quotas.save()

    asyncio.run(days())
    forget_days(frozen)
    with frozen.store.read() as session:
        for table in ("quota_day", "quota_use"):
            kept = {day for (day,) in session.execute(text(f"SELECT day FROM {table}"))}
            assert "2100-07-01" not in kept
            assert "2100-07-02" in kept


def test_what_was_spent_counts_even_where_less_was_left(frozen: Any) -> None:
    async def day() -> None:
        quotas = Quotas(frozen, [POLICY])
        assert (await take(quotas, "192.0.2.4", 9)).remaining == 1
        assert (await take(quotas, "192.0.2.4", 18, spent=True)).remaining == 0
        assert not (await take(quotas, "192.0.2.4")).allowed

    asyncio.run(day())


def test_no_address_and_no_name_of_a_key_stands_in_the_database(frozen: Any) -> None:
    async def day() -> None:
        quotas = Quotas(frozen, [POLICY])
        await take(quotas, "192.0.2.5")
        await quotas.save()

    asyncio.run(day())
    with frozen.store.read() as session:
        subjects = [bytes(subject) for (subject,) in session.execute(text("SELECT subject FROM quota_use"))]
    assert subjects
    plain = (b"192.0.2.5", hashlib.sha256(b"192.0.2.5").digest()[:16])
    assert not any(each in subject for subject in subjects for each in plain)


@pytest.fixture
def limited(client: TestClient) -> Iterator[Callable[[str, int, int], None]]:
    """Sets how much of a limit there is, until the end of the test."""
    limiters: dict[str, Any] = client.app.state.limiters  # type: ignore[attr-defined]  # of FastAPI
    before = dict(limiters)

    def limit(name: str, quota: int, window: int) -> None:
        old = before[name]
        limiters[name] = type(old)(
            *((old._of,) if hasattr(old, "_of") else ()),
            Policy(name, quota, window),
            *(() if hasattr(old, "_of") else (old._clock,)),
        )

    yield limit
    limiters.update(before)


def test_a_daily_quota_is_told_in_header_and_problem(
    client: TestClient, limited: Callable[[str, int, int], None]
) -> None:
    asked = {"sha256": "0" * 64}
    told = client.post("/v1/verifications", json=asked).headers
    assert re.fullmatch(r'"lookups";q=\d+;w=3600, "lookups-daily";q=\d+;w=86400', told["ratelimit-policy"])
    assert re.fullmatch(r'"lookups";r=\d+;t=\d+, "lookups-daily";r=\d+;t=\d+', told["ratelimit"])
    limited("lookups-daily", 100, 86_400)
    refused = client.post("/v1/verifications", json=asked)
    assert refused.status_code == 429
    assert refused.json()["policy"] == "lookups-daily"
    until = datetime.fromisoformat(refused.json()["until"])
    assert timedelta() <= until - datetime.now(UTC) <= timedelta(days=1, seconds=2)
    assert 1 <= int(refused.headers["retry-after"]) <= 86_401


def test_an_api_key_has_a_quota_of_its_own_for_what_it_writes(
    client: TestClient, limited: Callable[[str, int, int], None], writer: Headers, other: Headers
) -> None:
    for each in (writer, other):
        answer = client.post("/v1/withdrawals", json={"record": "0" * 64, "reason": "none such"}, headers=each)
        assert answer.status_code == 404
        assert '"writes-daily";r=' in answer.headers["ratelimit"]
    limited("writes-daily", 1, 86_400)
    refused = client.post("/v1/withdrawals", json={"record": "0" * 64, "reason": "none such"}, headers=writer)
    assert (refused.status_code, refused.json()["policy"]) == (429, "writes-daily")


WRONG = {
    "malformed": "nonsense",
    "unknown": f"cmk_{'a' * 8}_{'b' * 43}",
    "known prefix": "",
}


@pytest.mark.parametrize("kind", WRONG)
def test_too_many_keys_that_are_not_valid_are_refused_alike_and_a_valid_one_is_taken(
    client: TestClient, limited: Callable[[str, int, int], None], admin: Headers, kind: str
) -> None:
    prefix = admin["Authorization"].removeprefix("Bearer ")[:13]
    wrong = {"Authorization": f"Bearer {WRONG[kind] or prefix + 'c' * 43}"}
    limited("authentication-failures", 3, 300)
    answers = [client.get("/v1/keys", headers=wrong) for _ in range(5)]
    assert [each.status_code for each in answers] == [401, 401, 401, 429, 429]
    assert {each.json()["detail"] for each in answers[:3]} == {"The API key is not valid."}
    assert {each.json()["policy"] for each in answers[3:]} == {"authentication-failures"}
    assert 1 <= int(answers[4].headers["retry-after"]) <= 300
    assert client.get("/v1/keys", headers=admin).status_code == 200  # its holder is not locked out
    assert client.get("/v1/assets", headers=wrong).status_code == 429  # where a key is optional, too
    assert client.get("/v1/assets").status_code == 200


def test_answers_to_refused_keys_do_not_tell_whether_there_is_such_a_key(
    client: TestClient, limited: Callable[[str, int, int], None], admin: Headers
) -> None:
    prefix = admin["Authorization"].removeprefix("Bearer ")[:13]
    limited("authentication-failures", 1, 300)
    client.get("/v1/keys", headers={"Authorization": "Bearer nonsense"})
    told = []
    for token in (prefix + "c" * 43, f"cmk_{'a' * 8}_{'b' * 43}"):
        problem = client.get("/v1/keys", headers={"Authorization": f"Bearer {token}"}).json()
        told.append({name: problem[name] for name in ("type", "title", "status", "detail", "policy")})
    assert told[0] == told[1]


Ask = Callable[[TestClient, bytes, Headers], int]

ASKED: dict[str, tuple[str, Ask]] = {
    "pictures": (
        "verifications",
        lambda client, picture, who: client.post("/v1/verifications", content=picture, headers=who).status_code,
    ),
    "digests": (
        "lookups",
        lambda client, _, who: (
            client.post("/v1/lookups", json={"items": [{"sha256": "0" * 64}]}, headers=who).status_code
        ),
    ),
    "registrations": ("reads", lambda client, _, who: client.get("/v1/assets", headers=who).status_code),
}


@pytest.mark.parametrize("kind", ASKED)
def test_newsrooms_behind_one_address_do_not_share_what_each_may_ask(
    client: TestClient,
    limited: Callable[[str, int, int], None],
    writer: Headers,
    other: Headers,
    jpeg: Callable[[int], bytes],
    kind: str,
) -> None:
    policy, ask = ASKED[kind]
    limited(policy, 1, 3600)
    for who in (writer, other, {}):
        assert [ask(client, jpeg(900), who) for _ in range(2)] == [200, 429]


def test_newsrooms_behind_one_address_do_not_share_its_pictures_in_hand(
    client: TestClient, writer: Headers, jpeg: Callable[[int], bytes]
) -> None:
    service: Any = client.app.state.service  # type: ignore[attr-defined]  # of FastAPI
    most = service.settings.max_pictures_per_address
    with ExitStack() as in_hand:
        for _ in range(most):
            in_hand.enter_context(service.admission.pictures.place(Party("testclient", most)))
        assert client.post("/v1/verifications", content=jpeg(901)).status_code == 429
        assert client.post("/v1/verifications", content=jpeg(901), headers=writer).status_code == 200


@pytest.mark.parametrize("path", ["/v1/verifications", "/v1/lookups"])
def test_who_asks_with_a_key_that_is_not_valid_is_told_so(client: TestClient, path: str) -> None:
    refused = client.post(path, json={"sha256": "0" * 64}, headers={"Authorization": "Bearer nonsense"})
    assert (refused.status_code, refused.json()["detail"]) == (401, "The API key is not valid.")
