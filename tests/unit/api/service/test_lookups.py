"""`/v1/lookups`: the digests of many files at once."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import text
from starlette.testclient import TestClient

from api.http.limits import Policy, RateLimiter
from provenance.answers import LookupBucket, Lookups
from provenance.limits import MAX_LOOKUPS
from registry.database import heads
from registry.registry import Registry
from registry.usecases import lookups
from registry.usecases.lookups import prefix_digits
from tests.patience import eventually
from tests.unit.api.service.agreed import agreed
from tests.unit.api.service.conftest import Running

Picture = Callable[..., bytes]
UNKNOWN = {"sha256": "ab" * 32}


def ask(client: TestClient, *items: dict[str, Any]) -> Any:
    return client.post("/v1/lookups", json={"items": items})


@pytest.fixture
def hour(running: Running, monkeypatch: pytest.MonkeyPatch) -> RateLimiter:
    """A quota of 100 digests an hour."""
    limiter = RateLimiter(Policy("lookups", 100, 3600), lambda: 0.0)
    monkeypatch.setitem(running.client.app.state.limiters, "lookups", limiter)  # type: ignore[attr-defined]  # FastAPI
    return limiter


def test_a_registered_file_is_found_among_the_most_that_can_be_asked_for(
    client: TestClient, registered: dict[str, Any], jpeg: Picture
) -> None:
    everything = {"pixels_sha256": "cd" * 32, "pdq": {"value": "ef" * 32, "quality": 100}, "phash": "01" * 8}
    others = [{"sha256": f"{number:064x}"} | everything for number in range(MAX_LOOKUPS - 1)]
    found = agreed(Lookups, ask(client, *others, {"sha256": hashlib.sha256(jpeg(1)).hexdigest()}))
    assert [each.sha256 for each in found.items[:-1]] == [each["sha256"] for each in others]
    assert not any(each.matches for each in found.items[:-1])
    assert [each.record for each in found.items[-1].matches] == [registered["id"]]
    assert client.get("/log/checkpoint").text == found.checkpoint


@pytest.mark.parametrize(
    "items",
    [
        (),
        [UNKNOWN] * (MAX_LOOKUPS + 1),
        [{"sha256": "AB" * 32}],
        [{"sha256": "ab"}],
        [{"pixels_sha256": "ab" * 32}],
        [UNKNOWN | {"pdq": "ab" * 32}],
        [UNKNOWN | {"pdq": {"value": "ab" * 32, "quality": 101}}],
        [UNKNOWN | {"phash": "ab" * 7}],
        [UNKNOWN | {"name": "secret.jpg"}],
    ],
    ids=str,
)
def test_what_is_no_list_of_digests_is_refused(client: TestClient, items: list[dict[str, Any]]) -> None:
    assert ask(client, *items).status_code == 422


def test_nothing_of_a_lookup_is_stored(running: Running, client: TestClient, registered: dict[str, Any]) -> None:
    def kept() -> int:
        with running.registry.store.read() as session:
            return int(session.connection().execute(text("SELECT count(*) FROM verification")).scalar_one())

    before = kept()
    assert ask(client, {"sha256": registered["media"]["sha256"]}, UNKNOWN).status_code == 200
    assert kept() == before


def test_each_digest_counts_and_a_fingerprint_for_ten(client: TestClient, hour: RateLimiter) -> None:
    answer = ask(client, UNKNOWN, UNKNOWN)
    assert answer.headers["ratelimit-policy"].split(", ")[0] == '"lookups";q=100;w=3600'
    assert answer.headers["ratelimit"].split(", ")[0] == '"lookups";r=98;t=3600'
    answer = ask(client, UNKNOWN | {"pdq": {"value": "ef" * 32, "quality": 100}, "phash": "01" * 8})
    assert answer.headers["ratelimit"].startswith('"lookups";r=77;')
    refused = ask(client, *[UNKNOWN] * 78)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "3600"
    assert client.get("/v1/publishers").headers["ratelimit"].startswith('"reads"')


def test_more_than_is_ever_allowed_at_once_is_not_told_to_come_again(client: TestClient, hour: RateLimiter) -> None:
    refused = ask(client, *[UNKNOWN] * 102)
    assert refused.status_code == 422
    assert "101 units, of which 100 are allowed" in refused.json()["detail"]


def test_a_client_over_its_quota_is_refused_before_its_digests_are_received(
    client: TestClient, hour: RateLimiter
) -> None:
    hour.count("testclient", 100)
    refused = client.post("/v1/lookups", content=b"no JSON")
    assert refused.status_code == 429


# By prefix ----------------------------------------------------------------------------------------


def _pretend(monkeypatch: pytest.MonkeyPatch, registrations: int) -> None:
    """Have the registry count so many registrations."""
    served = heads.served
    monkeypatch.setattr(heads, "served", lambda session: replace(served(session), registrations=registrations))


@pytest.mark.parametrize(
    ("registrations", "digits"),
    [(0, 0), (1_599, 0), (1_600, 1), (25_599, 1), (25_600, 2), (409_599, 2), (409_600, 3), (6_553_600, 4)],
)
def test_a_prefix_is_as_long_as_leaves_a_hundred_registrations_under_it(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, registrations: int, digits: int
) -> None:
    _pretend(monkeypatch, registrations)
    assert prefix_digits(registry) == digits
    assert registrations // 16**digits >= 100 or digits == 0
    assert registrations // 16 ** (digits + 1) < 100


def settled(client: TestClient) -> Response:
    """The list of all files, when every registration in it has been compared: until then it changes by itself."""

    answers: list[Response] = []

    def compared() -> bool:
        answers.append(client.get("/v1/lookups"))
        items = agreed(LookupBucket, answers[-1]).items
        return all(match.compared for item in items for match in item.matches)

    eventually(compared)
    return answers[-1]


def test_a_small_registry_lists_all_its_files(client: TestClient, registered: dict[str, Any]) -> None:
    bucket = agreed(LookupBucket, settled(client))
    found = {each.sha256: each for each in bucket.items}
    media, signed = registered["media"]["sha256"], registered["credential"]["signed"]["sha256"]
    assert found[media].matches[0].record == found[signed].matches[0].record == registered["id"]
    assert agreed(Lookups, ask(client, {"sha256": media})).items == (found[media],)
    assert (bucket.prefix, bucket.complete) == ("", True)
    assert client.get("/v1/lookups/ab").status_code == 422


def test_a_prefix_lists_the_files_that_begin_so_and_no_others(
    client: TestClient, registered: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = [each.sha256 for each in agreed(LookupBucket, client.get("/v1/lookups")).items]
    _pretend(monkeypatch, 1_600)
    assert client.get("/.well-known/countermark.json").json()["limits"]["prefix_digits"] == 1
    listed = [agreed(LookupBucket, client.get(f"/v1/lookups/{digit:x}")) for digit in range(16)]
    assert [each.sha256 for bucket in listed for each in bucket.items] == sorted(everything)
    assert all(each.sha256.startswith(bucket.prefix) for bucket in listed for each in bucket.items)
    for wrong in ("/v1/lookups", "/v1/lookups/ab", "/v1/lookups/g", "/v1/lookups/A"):
        assert client.get(wrong).status_code == 422


def test_a_bucket_that_is_too_full_says_so(
    client: TestClient, registered: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "MAX_BUCKET_DIGESTS", 1)
    bucket = agreed(LookupBucket, client.get("/v1/lookups"))
    assert (len(bucket.items), bucket.complete) == (1, False)


def test_a_list_is_kept_for_seconds_and_changes_with_what_it_lists(
    client: TestClient, writer: dict[str, str], jpeg: Picture
) -> None:
    answer = client.post("/v1/assets", files={"file": ("x.jpg", jpeg(171))}, headers=writer).json()
    first = settled(client)
    assert first.headers["cache-control"] == "public, max-age=5"
    known = {"If-None-Match": first.headers["etag"]}
    assert client.get("/v1/lookups", headers=known).status_code == 304
    client.post("/v1/withdrawals", json={"record": answer["id"], "reason": "staged"}, headers=writer)
    later = client.get("/v1/lookups", headers=known)
    assert later.status_code == 200
    (marked,) = [each for each in agreed(LookupBucket, later).items if each.sha256 == answer["media"]["sha256"]]
    assert [each.standing for each in marked.matches] == ["withdrawn"]


def test_an_entry_of_the_log_that_changes_nothing_in_a_list_sends_nothing_again(
    client: TestClient, admin: dict[str, str]
) -> None:
    first = settled(client)
    assert client.post("/v1/publishers", json={"id": "aside", "name": "Aside"}, headers=admin).status_code == 201
    again = client.get("/v1/lookups", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.headers["etag"]) == (304, first.headers["etag"])
    assert client.get("/v1/lookups").json()["checkpoint"] != first.json()["checkpoint"]


def test_what_is_sealed_or_erased_is_in_no_list(
    client: TestClient, writer: dict[str, str], admin: dict[str, str], jpeg: Picture
) -> None:
    def register(seed: int, metadata: str) -> Any:
        form = {"files": {"file": ("x.jpg", jpeg(seed))}, "data": {"metadata": metadata}}
        return client.post("/v1/assets", headers=writer, **form).json()

    def listed() -> set[str]:
        return {each.sha256 for each in agreed(LookupBucket, client.get("/v1/lookups")).items}

    sealed, erased = register(172, '{"visibility": "sealed"}'), register(173, "{}")
    assert {sealed["media"]["sha256"], erased["media"]["sha256"]} & listed() == {erased["media"]["sha256"]}
    answer = client.post(f"/v1/assets/{erased['id']}/erasure", json={"reason": "by order"}, headers=admin)
    assert answer.status_code == 200, answer.text
    assert {sealed["media"]["sha256"], erased["media"]["sha256"]} & listed() == set()


# What counts as a lookup --------------------------------------------------------------------------


def test_lists_and_reports_on_digests_count_for_a_hundred_digests_and_a_picture_for_none(
    client: TestClient, hour: RateLimiter, jpeg: Picture
) -> None:
    assert client.post("/v1/verifications", json=UNKNOWN).headers["ratelimit"].startswith('"lookups";r=0;')
    assert client.get("/v1/lookups").status_code == 429
    picture = client.post("/v1/verifications", content=jpeg(1))
    assert picture.headers["ratelimit"].startswith('"verifications"')
