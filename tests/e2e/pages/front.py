"""The service behind a front that can be told to be unwell: what a reader of any browser meets then."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.loopback import serving
from tests.patience import HUNG_SECONDS

PASSED_ON = ("content-type", "accept", "accept-language")


@dataclass
class Front:
    """`unwell` answers what is posted, until it is None; `slow` holds that back until it is set; `posts` counts it."""

    url: str = ""
    unwell: Response | None = None
    slow: threading.Event | None = None
    posts: list[str] = field(default_factory=list)


def refusal(status: int, slug: str, **headers: str) -> Response:
    answer = f'{{"type": "urn:countermark:problem:{slug}", "title": "", "detail": "", "request_id": "req_1"}}'
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(answer, status, headers=fields, media_type="application/problem+json")


@contextmanager
def front_of(url: str) -> Iterator[Front]:
    """A front of the service at this address."""
    front = Front()
    with httpx2.Client(base_url=url, timeout=HUNG_SECONDS) as service:

        def passed_on(request: Request, body: bytes) -> Response:
            if request.method == "POST" and front.slow is not None:
                assert front.slow.wait(HUNG_SECONDS)
            headers: Mapping[str, str] = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
            to = f"{request.url.path}?{request.url.query}"
            answer = service.request(request.method, to, content=body, headers=headers)
            kept = {name: answer.headers[name] for name in ("content-type", "content-security-policy")}
            return Response(answer.content, answer.status_code, headers=kept)

        async def answer(request: Request) -> Response:
            body = await request.body()
            if request.method == "POST":
                front.posts.append(request.url.path)
                if front.unwell is not None:
                    return front.unwell
            return await run_in_threadpool(passed_on, request, body)

        with serving(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])) as front.url:
            yield front
