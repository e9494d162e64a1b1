"""Another site than the service's, over https: pictures that scripts of other pages may read, and some that they may
not."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.loopback import serving
from tests.tls import self_signed


@dataclass
class Elsewhere:
    """`url` of the site; `asked` are the requests that came, with their header fields, in lower case."""

    url: str
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)


@contextmanager
def elsewhere(folder: Path, picture: bytes) -> Iterator[Elsewhere]:
    """A site with `/open.jpg` for scripts of every page, `/closed.jpg` for those of its own, and nothing else."""
    site = Elsewhere("")

    def answer(request: Request) -> Response:
        site.asked.append((request.url.path, dict(request.headers)))
        if request.url.path == "/closed.jpg":
            return Response(picture, media_type="image/jpeg")
        allowed = {"Access-Control-Allow-Origin": "*"}
        if request.url.path == "/open.jpg":
            return Response(picture, media_type="image/jpeg", headers=allowed)
        return Response("no", 404, headers=allowed)

    certificate, key = self_signed(folder, "127.0.0.1")
    app = Starlette(routes=[Route("/{path:path}", answer)])
    with serving(app, ssl_certfile=str(certificate), ssl_keyfile=str(key)) as url:
        site.url = url.replace("http://", "https://")
        yield site
