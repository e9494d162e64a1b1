"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header-07): a repeated POST gets the answer of the first.

An answer is kept by (Idempotency-Key, API key) with a digest of the request it answers. Only successes are kept: a
request that failed changed nothing and may be sent again under its key. While the first request still runs, its
repetition is told to come back.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from provenance.errors import Conflict, IdempotencyConflict, MalformedRequest, StoreUnavailable
from registry.api_keys import Holder
from registry.registry import Registry
from registry.store import idempotency, rows
from registry.times import to_milliseconds

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
RETRY_AFTER = 2.0
"""Seconds: what a registration takes on a busy day."""

KEPT_FOR = timedelta(hours=24)
"""How long an answer can be had again."""

_KEY = re.compile(r'"?([!#-\[\]-~ ]{1,255}?)"?')


@dataclass(frozen=True)
class KeptAnswer:
    """An answer as it was given, with the digest of the request it answers."""

    request_digest: bytes
    status: int
    body: bytes


class InFlight:
    """The (Idempotency-Key, API key) pairs whose first request still runs. The event loop is its only caller."""

    def __init__(self) -> None:
        self._pairs: set[tuple[str, str]] = set()

    @contextmanager
    def claimed(self, key: str, key_id: str) -> Iterator[None]:
        """Holds the pair. Raises: IdempotencyConflict while another request holds it."""
        pair = (key, key_id)
        if pair in self._pairs:
            raise IdempotencyConflict("The first request with this key still runs.", retry_after=RETRY_AFTER)
        self._pairs.add(pair)
        try:
            yield
        finally:
            self._pairs.discard(pair)


def request_digest(request: Request, *parts: bytes) -> bytes:
    """SHA-256 over method, path and the parts that make up a body, each with its length."""
    digest = hashlib.sha256()
    for part in (request.method.encode(), request.url.path.encode(), *parts):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


async def answer_once(
    registry: Registry,
    in_flight: InFlight,
    request: Request,
    holder: Holder,
    digest: bytes,
    answer: Callable[[], Awaitable[Response]],
) -> Response:
    """`answer()`, or what it gave when this request was first made.

    Raises: MalformedRequest (an unusable key), IdempotencyConflict (a key of another request, or one in use).
    """
    header = request.headers.get(HEADER)
    if header is None:
        return await answer()
    match = _KEY.fullmatch(header)
    if match is None:
        raise MalformedRequest("An Idempotency-Key has 1 to 255 printable ASCII characters.")
    key = match[1]
    with in_flight.claimed(key, holder.key_id):
        kept = await run_in_threadpool(_find, registry, key, holder.key_id)
        if kept is not None:
            if kept.request_digest != digest:
                raise IdempotencyConflict("This Idempotency-Key was used for another request.")
            return Response(kept.body, kept.status, {REPLAYED: "true"}, media_type="application/json")
        response = await answer()
        if 200 <= response.status_code < 300:
            kept = KeptAnswer(digest, response.status_code, bytes(response.body))
            await run_in_threadpool(_keep, registry, key, holder.key_id, kept)
        return response


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
    # The work is done and acknowledged all the same; registering again finds it (exact deduplication).
    with suppress(Conflict, StoreUnavailable):
        registry.store.write(lambda session: idempotency.insert(session, row)).result()
