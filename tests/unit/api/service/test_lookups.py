"""`/v1/lookups`: the digests of many files at once."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from api.http.limits import Policy, RateLimiter
from provenance.answers import Lookups
from provenance.limits import MAX_LOOKUPS
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
    assert answer.headers["ratelimit-policy"] == '"lookups";q=100;w=3600'
    assert answer.headers["ratelimit"] == '"lookups";r=98;t=3600'
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
    hour.take("testclient", 100)
    refused = client.post("/v1/lookups", content=b"no JSON")
    assert refused.status_code == 429
