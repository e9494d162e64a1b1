"""What the registry takes from servers that it calls: so many bytes, for so many seconds, from nowhere else."""

import asyncio

import pytest

from provenance.errors import ServiceUnreachable, UnexpectedAnswer
from registry.attestation.outbound import OutboundClient, Response
from tests.loopback import Reply, response, scripted
from tests.patience import EXPIRING_SECONDS, HUNG_SECONDS
from tests.unit.registry.test_attestation import drip, flood, say_nothing


def post(reply: Reply, *, limit: int = 100, seconds: float = HUNG_SECONDS) -> Response:
    async def ask(url: str) -> Response:
        async with OutboundClient() as outbound:
            return await outbound.post(url, b"question", "text/plain", limit=limit, seconds=seconds)

    with scripted(reply) as server:
        answer = asyncio.run(ask(server.url))
        assert server.requests[0][1] == b"question"
        return answer


def test_an_answer_of_any_status_comes_back_as_it_was_sent() -> None:
    assert post(response(418, b"tea", "Content-Type: text/x", "Retry-After: 2.5")) == Response(
        418, "text/x", b"tea", 2.5
    )


@pytest.mark.parametrize(
    ("stated", "seconds"), [("0", 0.0), ("99999", 3600.0), ("-1", None), ("nan", None), ("x", None)]
)
def test_a_retry_after_is_trusted_within_reason(stated: str, seconds: float | None) -> None:
    assert post(response(429, b"", f"Retry-After: {stated}")).retry_after == seconds


@pytest.mark.parametrize("reply", [flood, response(200, bytes(101))], ids=["endless", "one byte"])
def test_an_answer_beyond_the_limit_is_given_up_at_once(reply: Reply) -> None:
    with pytest.raises(UnexpectedAnswer, match="more than 100 bytes"):
        post(reply)


@pytest.mark.timing
@pytest.mark.parametrize("reply", [say_nothing, drip], ids=["nothing", "a byte now and then"])
def test_an_answer_that_takes_too_long_is_given_up(reply: Reply) -> None:
    with pytest.raises(ServiceUnreachable, match=f"within {EXPIRING_SECONDS} seconds"):
        post(reply, limit=10_000, seconds=EXPIRING_SECONDS)


def test_a_redirect_is_not_followed() -> None:
    with scripted(response(200, b"the other place")) as other:
        assert post(response(307, b"", f"Location: {other.url}/")).status == 307
        assert other.requests == []


def test_a_compressed_answer_stays_compressed() -> None:
    assert post(response(200, b"not gzip", "Content-Encoding: gzip")).body == b"not gzip"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://[", "gopher://x/", "http://x y/"])
def test_an_address_where_nobody_answers_is_unreachable(url: str) -> None:
    async def ask() -> None:
        async with OutboundClient() as outbound:
            await outbound.post(url, b"", "text/plain", limit=1, seconds=HUNG_SECONDS)

    with pytest.raises(ServiceUnreachable):
        asyncio.run(ask())
