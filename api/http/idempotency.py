"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header-07): a retried POST gets the first response again.

A response is stored by (Idempotency-Key, API key) with a digest of its request. Only successes are stored: a request
that failed changed nothing and may be retried under the same key. While the first request is still running, in any
process, a retry is answered 409 with Retry-After.
"""

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from provenance.errors import Conflict, IdempotencyConflict, MalformedRequest, StoreUnavailable
from registry.database import Session, events, idempotency, rows
from registry.keys.api_keys import Holder
from registry.registry import Registry
from registry.times import to_milliseconds

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
RETRY_AFTER = 2.0
"""Seconds: what a registration takes under load."""

KEPT_FOR = timedelta(hours=24)
"""How long a response is stored."""

LEASE = timedelta(seconds=60)
"""How long a claim outlives its process; it is renewed every third of this."""

_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_KEY = re.compile(r'"?([!#-\[\]-~ ]{1,255}?)"?')


@dataclass(frozen=True)
class KeptAnswer:
    """A stored response, with the digest of its request."""

    request_digest: bytes
    status: int
    body: bytes


class Claim:
    """Exclusive use of a pair of Idempotency-Key and API key, among all processes of the registry.

    It is a row with a lease, renewed while the request runs: the claim of a process that died blocks retries no longer
    than `LEASE`.
    """

    def __init__(self, registry: Registry, key: str, key_id: str) -> None:
        self._registry = registry
        self._pair = (key, key_id)
        self._holder = secrets.token_hex(16)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Holds the pair. Raises: IdempotencyConflict while another request holds it, StoreUnavailable."""
        try:
            await self._write(self._take)
        except Conflict as conflict:
            message = "The first request with this key is still running."
            raise IdempotencyConflict(message, retry_after=RETRY_AFTER) from conflict
        except asyncio.CancelledError:
            self._registry.store.write(self._release)
            raise
        renewing = asyncio.create_task(self._renewals())
        try:
            yield
        finally:
            renewing.cancel()
            self._registry.store.write(self._release)  # writes run in order: before any later claim of this process

    def _release(self, session: Session) -> None:
        idempotency.release(session, *self._pair, holder=self._holder)

    def _take(self, session: Session) -> None:
        now = self._registry.clock()
        until = to_milliseconds(now + LEASE)
        idempotency.claim(session, *self._pair, holder=self._holder, now_ms=to_milliseconds(now), until_ms=until)

    def _renew(self, session: Session) -> None:
        until = to_milliseconds(self._registry.clock() + LEASE)
        idempotency.renew(session, *self._pair, holder=self._holder, until_ms=until)

    async def _renewals(self) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            with suppress(StoreUnavailable):
                await self._write(self._renew)

    async def _write(self, job: Callable[[Session], None]) -> None:
        await asyncio.wrap_future(self._registry.store.write(job))


def request_digest(request: Request, *parts: bytes) -> bytes:
    """SHA-256 over method, path with query, and the parts of the body, each prefixed with its length."""
    digest = hashlib.sha256()
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    for part in (request.method.encode(), target.encode(), *parts):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


async def answer_once(
    registry: Registry,
    request: Request,
    holder: Holder,
    digest: bytes,
    answer: Callable[[], Awaitable[Response]],
) -> Response:
    """The response of `answer()`, or the stored one if this request was answered before.

    Raises: MalformedRequest (malformed key), IdempotencyConflict (the key of another request, or of one still running).
    """
    header = request.headers.get(HEADER)
    if header is None:
        return await answer()
    match = _KEY.fullmatch(header)
    if match is None:
        raise MalformedRequest("An Idempotency-Key has 1 to 255 printable ASCII characters.")
    key = match[1]
    kept = await run_in_threadpool(_find, registry, key, holder.key_id)
    if kept is not None:
        return _replay(kept, digest)
    claim = Claim(registry, key, holder.key_id)
    async with claim.held():
        kept = await run_in_threadpool(_find, registry, key, holder.key_id)  # by the previous holder
        if kept is not None:
            return _replay(kept, digest)
        response = await answer()
        if 200 <= response.status_code < 300:
            kept = KeptAnswer(digest, response.status_code, bytes(response.body))
            await run_in_threadpool(_keep, registry, key, holder.key_id, kept)
        return response


def _replay(kept: KeptAnswer, digest: bytes) -> Response:
    if kept.request_digest != digest:
        raise IdempotencyConflict("This Idempotency-Key was used for another request.")
    return Response(kept.body, kept.status, {REPLAYED: "true"}, media_type="application/json")


def forget_answers(registry: Registry) -> None:
    """Deletes the answers that are older than `KEPT_FOR`."""
    before = to_milliseconds(registry.now() - KEPT_FOR)
    registry.store.write(lambda session: idempotency.forget(session, before)).result()


def _find(registry: Registry, key: str, key_id: str) -> KeptAnswer | None:
    with registry.store.read() as session:
        row = idempotency.find(session, key, key_id)
        return None if row is None else KeptAnswer(row.request_digest, row.status, row.response)


def _keep(registry: Registry, key: str, key_id: str, kept: KeptAnswer) -> None:
    row = rows.kept_answer(
        key=key,
        api_key_id=key_id,
        request_digest=kept.request_digest,
        status=kept.status,
        response=kept.body,
        created_at_ms=to_milliseconds(registry.now()),
    )
    named = {bytes.fromhex(match) for match in _DIGEST.findall(kept.body.decode())}

    def keep(session: Session) -> None:
        if not events.erased_among(session, named):  # an erasure may have deleted stored responses in between
            idempotency.insert(session, row)

    # The request has succeeded in any case; a retry is then deduplicated by the registry.
    with suppress(Conflict, StoreUnavailable):
        registry.store.write(keep).result()
