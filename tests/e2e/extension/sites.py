"""Sites of others on loopback: a page, its pictures, and a host of pictures that lets other sites read them or not.

All names below `localhost` lead to one server: which host a page or picture lies on is the test's to say.
"""

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from demo.alterations import PHOTOS
from tests.loopback import serving
from tests.patience import HUNG_SECONDS

MEDIA_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "svg": "image/svg+xml"}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def encoded(image: Image.Image, form: str = "JPEG", **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def stated_as(data: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header says that it has this many pixels."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + height.to_bytes(2) + width.to_bytes(2) + data[at + 4 :]


def photo(name: str, width: int) -> Image.Image:
    """A photograph of the demonstration, this wide."""
    image = Image.open(PHOTOS / name).convert("RGB")
    return image.resize((width, round(image.height * width / image.width)))


@dataclass
class Sites:
    """`pages` are by path ("/"), `files` by name, and both may be set while it runs.

    A picture is at `/open/NAME` for everybody, at `/closed/NAME` for pages of its own site, and at `/members/NAME` for
    who brings a cookie. At `/live/NAME`, for everybody, it is encoded anew at each request. What is at `/stalled` comes
    once `going_on` is set. `asked` are the requests so far: host, path and headers.
    """

    port: int
    pages: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    policy: str | None = None
    """The `Content-Security-Policy` of its pages."""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    going_on: threading.Event = field(default_factory=threading.Event)

    def at(self, host: str, path: str = "/") -> str:
        """An address: `sites.at("cdn", "/open/photo.jpg")`."""
        return f"http://{host}.localhost:{self.port}{path}"

    def answer(self, request: Request) -> Response:
        host, path = str(request.url.hostname), request.url.path
        self.asked.append((host.removesuffix(".localhost"), path, dict(request.headers)))
        if path in self.pages:
            headers = {"set-cookie": "who=me", **({"content-security-policy": self.policy} if self.policy else {})}
            return HTMLResponse(self.pages[path].replace("PORT", str(self.port)), headers=headers)
        if path == "/stalled":
            self.going_on.wait(HUNG_SECONDS)
        _, access, name = (path + "//").split("/", 3)[:3]
        if name not in self.files or (access == "members" and not request.cookies):
            return Response(status_code=404)
        headers = {
            "open": {"access-control-allow-origin": "*"},
            "live": {"access-control-allow-origin": "*", "cache-control": "no-store"},
            "members": {"cache-control": "no-store"},
        }.get(access)
        data = self.files[name]
        if access == "live":
            quality = 60 + len(self.asked) % 35
            data = encoded(Image.open(io.BytesIO(data)).convert("RGB"), quality=quality)
        return Response(data, media_type=MEDIA_TYPES.get(name.split(".")[-1]), headers=headers)


@contextmanager
def running_sites() -> Iterator[Sites]:
    sites = Sites(0)
    with serving(Starlette(routes=[Route("/{path:path}", sites.answer)])) as url:
        sites.port = int(url.rpartition(":")[2])
        yield sites
