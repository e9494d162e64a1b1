"""Bodies of requests: bounded in bytes, in time and in number; JSON is parsed strictly, and validated by a model of
`api.http.requests`.

Routes read their bodies with these functions, after authentication, and not as FastAPI's body parameters: FastAPI
reads a body of any size before any dependency runs.
"""

import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Literal, TypeVar

import anyio
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from api.http.limits import client_address
from provenance import limits
from provenance.errors import MalformedRequest, Overloaded, PayloadTooLarge, RequestTimeout

M = TypeVar("M", bound=BaseModel)

BODY_SECONDS = 120.0
"""Seconds from the first look at a body to its end: the largest picture (50 MiB) at 3.5 Mbit/s."""

LEAST_RATE = 1024.0
"""Bytes a second that must arrive while a body is waited for: a tenth of what the slowest mobile networks carry."""

GRACE_SECONDS = 10.0
"""Seconds of waiting that a body has on top: a connection that stalls for a moment."""

MAX_UNFINISHED = 32
"""Bodies of one client address that are waited for at once: more than a browser or a hot folder sends."""

RETRY_AFTER = 2.0

Reason = Literal["bodies_of_an_address", "body_rate", "body_seconds"]


class Bodies:
    """Reads the bodies of the requests of one server. Not thread-safe: the event loop is its only caller.

    Args:
        seconds: see `BODY_SECONDS`.
        max_unfinished: see `MAX_UNFINISHED`.
        grace: see `GRACE_SECONDS`; shorter in tests.
        refused: called with the reason for each body that is not read to its end because of these bounds.
    """

    def __init__(
        self,
        *,
        seconds: float = BODY_SECONDS,
        max_unfinished: int = MAX_UNFINISHED,
        grace: float = GRACE_SECONDS,
        refused: Callable[[Reason], None] = lambda _: None,
    ) -> None:
        self.seconds = seconds
        self.max_unfinished = max_unfinished
        self.grace = grace
        self.refused = refused
        self._unfinished: Counter[str] = Counter()

    async def read(self, request: Request, limit: int) -> AsyncGenerator[bytes, None]:
        """The chunks of a body of at most `limit` bytes.

        Raises: PayloadTooLarge, MalformedRequest; RequestTimeout if it takes too long, or arrives too slowly while it
        is waited for; Overloaded if its address has too many that are unfinished.
        """
        stated = request.headers.get("content-length")
        if stated is not None and not (stated.isascii() and stated.isdigit() and len(stated) < 20):
            raise MalformedRequest("The Content-Length is not a number.")
        if stated is not None and int(stated) > limit:
            raise PayloadTooLarge(f"The body may have at most {limit} bytes.")
        total, waited, end = 0, 0.0, time.monotonic() + self.seconds
        with self._counted(client_address(request.scope)):
            async with aclosing(request.stream()) as stream:
                while True:
                    began = time.monotonic()
                    timeout = min(end - began, self.grace + total / LEAST_RATE - waited)
                    try:
                        with anyio.fail_after(max(0.0, timeout)):
                            chunk = await anext(stream, None)
                    except TimeoutError as error:
                        raise self._timeout(end) from error
                    if chunk is None:
                        break
                    waited += time.monotonic() - began
                    total += len(chunk)
                    if total > limit:
                        raise PayloadTooLarge(f"The body may have at most {limit} bytes.")
                    if chunk:
                        yield chunk
                    if stated is not None and int(stated) == total:
                        break  # the server takes no more of it
        if stated is not None and int(stated) != total:
            raise MalformedRequest("The length of the body does not match its Content-Length.")

    @contextmanager
    def _counted(self, address: str) -> Iterator[None]:
        if self._unfinished[address] >= self.max_unfinished:
            self.refused("bodies_of_an_address")
            raise Overloaded(
                f"This address is sending {self.max_unfinished} bodies that are not complete; retry when one is.",
                retry_after=RETRY_AFTER,
            )
        self._unfinished[address] += 1
        try:
            yield
        finally:
            self._unfinished[address] -= 1
            if not self._unfinished[address]:
                del self._unfinished[address]

    def _timeout(self, end: float) -> RequestTimeout:
        if time.monotonic() >= end:
            self.refused("body_seconds")
            return RequestTimeout(f"The body must arrive within {self.seconds:g} seconds.")
        self.refused("body_rate")
        return RequestTimeout(f"The body must arrive at {LEAST_RATE:g} bytes a second or more.")


async def gather(request: Request, limit: int) -> bytes:
    """A small body as bytes. Raises as `Bodies.read`."""
    bodies: Bodies = request.app.state.bodies
    data = bytearray()
    async with aclosing(bodies.read(request, limit)) as chunks:
        async for chunk in chunks:
            data += chunk
    return bytes(data)


def is_json(request: Request) -> bool:
    """Whether the body is labelled as JSON."""
    content_type, _ = parse_options_header(request.headers.get("content-type"))
    return content_type == b"application/json" or content_type.endswith(b"+json")


async def receive_json(request: Request, model: type[M], limit: int = limits.MAX_JSON_BODY_BYTES) -> M:
    """The body, of at most `limit` bytes, as `model`. Raises: as `Bodies.read`, RequestValidationError."""
    return parse_json(await gather(request, limit), model)


def parse_json(data: bytes | str, model: type[M], *, place: tuple[str, ...] = ("body",)) -> M:
    """JSON text as `model`; `place` begins the pointers to faults. Raises: MalformedRequest, RequestValidationError."""
    try:
        value = json.loads(data, object_pairs_hook=_distinct, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest("The body is not JSON, or has a duplicate name.") from error
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([item | {"loc": (*place, *item["loc"])} for item in found]) from None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate name")
    return value


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not a JSON number")
