"""Time-stamping: requesting tokens over checkpoints from an authority (RFC 3161 over HTTP, section 3.4)."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from provenance.errors import CountermarkError, SignerUnavailable, UntrustedTimestamp
from provenance.limits import MAX_TIMESTAMP_BYTES, TIMESTAMP_SECONDS
from provenance.transparency.timestamp import (
    MAX_NONCE,
    REQUEST_MEDIA_TYPE,
    RESPONSE_MEDIA_TYPE,
    TimestampAuthority,
    TimestampRequest,
    read_response,
    verify_timestamp,
)
from registry.attestation.outbound import Backoff, OutboundClient

log = logging.getLogger(__name__)


class Authority(Protocol):
    """A time-stamping authority."""

    async def respond(self, request: TimestampRequest, outbound: OutboundClient) -> bytes:
        """TimeStampResp in DER. Raises CountermarkError."""
        ...


@dataclass(frozen=True)
class RemoteAuthority:
    """An authority at a URL."""

    url: str

    async def respond(self, request: TimestampRequest, outbound: OutboundClient) -> bytes:
        """TimeStampResp in DER. Raises ServiceUnreachable, UnexpectedAnswer, UntrustedTimestamp for another answer."""
        answer = await outbound.post(
            self.url, request.serialise(), REQUEST_MEDIA_TYPE, limit=MAX_TIMESTAMP_BYTES, seconds=TIMESTAMP_SECONDS
        )
        media_type = answer.media_type.partition(";")[0].strip().lower()
        if answer.status != 200 or media_type != RESPONSE_MEDIA_TYPE:
            raise UntrustedTimestamp(f"status {answer.status} with {media_type[:100]!a} is no time-stamp response")
        return answer.body


def stamp_now(url: str, message: bytes) -> bytes:
    """A token over a message by the authority at a URL, within `TIMESTAMP_SECONDS`. Blocks.

    Raises SignerUnavailable if the authority gives no token: a claim without its time stamp must not be published.
    """
    request = TimestampRequest.of(message, secrets.randbelow(MAX_NONCE + 1))

    async def respond() -> bytes:
        async with asyncio.timeout(TIMESTAMP_SECONDS), OutboundClient() as outbound:
            return await RemoteAuthority(url).respond(request, outbound)

    try:
        return read_response(asyncio.run(respond()), request)
    except (CountermarkError, TimeoutError) as error:
        raise SignerUnavailable(f"no time stamp for a claim: {str(error) or 'no answer in time'}") from error


@dataclass(frozen=True)
class TimestampSettings:
    """The authority that stamps checkpoints, its trust anchors, and the least seconds between two tokens."""

    authority: Authority
    anchors: Sequence[TimestampAuthority]
    interval: float


class TimestampClient:
    """The log's client of its time-stamping authority. For one task at a time."""

    def __init__(self, timestamping: TimestampSettings) -> None:
        self.backoff = Backoff()
        self._timestamping = timestamping

    async def stamp(self, text: str, outbound: OutboundClient) -> bytes | None:
        """A verified token over a checkpoint's text, within `TIMESTAMP_SECONDS`; None if the authority gave none."""
        message = text.encode()
        request = TimestampRequest.of(message, secrets.randbelow(MAX_NONCE + 1))
        try:
            async with asyncio.timeout(TIMESTAMP_SECONDS):
                response = await self._timestamping.authority.respond(request, outbound)
            token = read_response(response, request)
            verify_timestamp(token, message, self._timestamping.anchors)
        except (CountermarkError, TimeoutError) as error:
            self.backoff.fail()
            log.warning("no time stamp; next try in %.0f s: %s", self.backoff.wait, str(error) or "no answer in time")
            return None
        self.backoff.succeed(self._timestamping.interval)
        return token
