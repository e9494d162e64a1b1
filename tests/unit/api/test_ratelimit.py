import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.http.limits import Policy, RateLimiter, client_address


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_client_over_its_quota_is_refused_until_the_oldest_request_is_forgotten() -> None:
    clock = Clock()
    limiter = RateLimiter(Policy("reads", 2, 60), clock)
    assert limiter.count("a").remaining == 1
    clock.now += 10
    assert limiter.count("a").remaining == 0
    refused = limiter.count("a")
    assert not refused.allowed
    assert refused.reset == pytest.approx(50)
    assert limiter.count("b").allowed
    clock.now += 50
    assert limiter.count("a").allowed
    assert not limiter.count("a").allowed
    clock.now += 60  # all are forgotten
    anew = limiter.count("a")
    assert (anew.remaining, anew.reset) == (1, 60)


def test_what_was_spent_counts_even_where_less_was_left() -> None:
    clock = Clock()
    limiter = RateLimiter(Policy("verifications", 10, 60), clock)
    assert limiter.count("a", 1).allowed
    over = limiter.count("a", 18, spent=True)
    assert (over.allowed, over.remaining) == (True, 0)
    assert not limiter.count("a").allowed
    clock.now += 60
    assert limiter.count("a").allowed


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5))
def test_no_window_ever_holds_more_than_the_quota(gaps: list[float], quota: int) -> None:
    clock = Clock()
    limiter = RateLimiter(Policy("reads", quota, 10), clock)
    taken = []
    for gap in gaps:
        clock.now += gap
        if limiter.count("a").allowed:
            taken.append(clock.now)
    for start in taken:
        assert sum(start <= time < start + 10 for time in taken) <= quota


def test_a_flood_of_addresses_does_not_grow_the_memory() -> None:
    limiter = RateLimiter(Policy("reads", 2, 60), Clock(), max_clients=10)
    for number in range(1000):
        limiter.count(str(number))
    assert len(limiter._clients) == 10


def test_a_full_table_forgets_the_client_that_was_seen_longest_ago() -> None:
    limiter = RateLimiter(Policy("reads", 2, 60), Clock(), max_clients=3)
    for client in ("first", "second", "third", "first", "fourth"):  # the first returns before there is no place left
        assert limiter.count(client).allowed
    assert not limiter.count("first").allowed
    assert limiter.count("fourth").remaining == 0
    assert limiter.count("second").remaining == 1  # begins anew


@pytest.mark.parametrize(
    ("host", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_subscriber_is_one_client(host: str, counted_as: str) -> None:
    assert client_address({"client": (host, 1)}) == counted_as


def test_answers_carry_the_allowance_and_refusals_say_which_limit_and_when_to_return(client: TestClient) -> None:
    before = datetime.now(UTC)
    first = client.get("/limited")
    assert first.headers["ratelimit-policy"] == '"reads";q=3;w=60'
    assert re.fullmatch(r'"reads";r=2;t=60', first.headers["ratelimit"])
    client.get("/limited")
    client.get("/limited")
    refused = client.get("/limited")
    assert refused.status_code == 429
    assert refused.json()["type"].endswith(":rate-limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"].startswith('"reads";r=0;')
    assert refused.json()["policy"] == "reads"
    until = datetime.fromisoformat(refused.json()["until"])
    assert timedelta() < until - before <= timedelta(seconds=61) + (datetime.now(UTC) - before)


def test_a_route_without_a_limit_says_nothing_of_limits(client: TestClient) -> None:
    assert "ratelimit" not in client.get("/number/1").headers
