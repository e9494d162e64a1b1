"""Between a browser and a registry: passes everything on, notes what was asked, and lies where it is told to."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.service import UNBOUNDED, Service, running_service
from provenance.statement.key_file import decrypt
from provenance.statement.keys import LocalSigner
from provenance.transparency.checkpoint import Checkpoint, SignedCheckpoint, sign_checkpoint
from tests.loopback import serving
from tests.patience import HUNG_SECONDS

PASSPHRASE = "a passphrase for tests"
HOP_BY_HOP = ("connection", "content-encoding", "content-length", "date", "server", "transfer-encoding")


@dataclass(frozen=True)
class Reply:
    """What is answered; `endless` repeats its body without an end."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def says(self, value: object) -> "Reply":
        """The same with another body: bytes as they are, a text in UTF-8, anything else as JSON."""
        match value:
            case bytes(body):
                return replace(self, body=body)
            case str(text):
                return replace(self, body=text.encode())
            case _:
                return replace(self, body=json.dumps(value, ensure_ascii=False).encode())


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Change = Callable[[Asked, Reply], Reply | Response]


def truthful(_: Asked, reply: Reply) -> Reply:
    return reply


@dataclass
class Between:
    """Its address, the service behind it, and what was asked since `asked` was emptied. `change` may be replaced."""

    url: str = ""
    service: Service | None = None
    change: Change = truthful
    asked: list[Asked] = field(default_factory=list)
    folder: Path = Path()
    settings: dict[str, str] = field(default_factory=dict)
    running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Starts the service behind it, again where there was one."""
        api_key = self.service.api_key if self.service else ""
        self.service = self.running.enter_context(
            running_service(self.folder, operator="The Test Daily", api_key=api_key, **self.settings)
        )

    def rotate_key(self) -> None:
        """Stops the service, has its log hand over to new keys, and starts it again."""
        self.running.close()
        settings = {"environment": "development", "folder": str(self.folder), "operator": "The Test Daily"}
        variables = {f"COUNTERMARK_{name.upper()}": text for name, text in (settings | self.settings).items()}
        command = [sys.executable, "-m", "api", "log", "rotate-key", "--json"]
        subprocess.run(command, env=os.environ | variables, stdout=subprocess.DEVNULL, check=True)
        self.start()

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    @property
    def origin(self) -> str:
        """The log's name."""
        return f"{self.host}/log"

    @property
    def signer(self) -> LocalSigner:
        """The log's own key: what a dishonest operator has."""
        assert self.service is not None
        key = decrypt((Path(self.service.folder) / "keys" / "log.pem").read_bytes(), PASSPHRASE.encode())
        return LocalSigner(key)  # type: ignore[arg-type]

    def checkpoint(self) -> Checkpoint:
        """That which the log shows."""
        assert self.service is not None
        return SignedCheckpoint.parse(
            httpx2.get(f"{self.service.url}/log/checkpoint", timeout=HUNG_SECONDS).content
        ).checkpoint

    def signed(self, size: int, root: bytes, signer: LocalSigner | None = None) -> str:
        """A checkpoint that the log's key has signed, or another."""
        by = signer or self.signer
        return sign_checkpoint(Checkpoint(self.origin, size, root), by.sign, by.public_key.raw).decode()

    async def __call__(self, request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        asked = Asked(request.method, f"{request.url.path}{query}", dict(request.headers), await request.body())
        if request.method != "OPTIONS":
            self.asked.append(asked)
        assert self.service is not None
        headers = {name: text for name, text in asked.headers.items() if name not in ("host", "content-length")}
        async with httpx2.AsyncClient(timeout=HUNG_SECONDS) as http:
            came = await http.request(
                asked.method, f"{self.service.url}{asked.path}", content=asked.body, headers=headers
            )
        kept = {name: text for name, text in came.headers.items() if name.lower() not in HOP_BY_HOP}
        reply = Reply(came.status_code, came.content, kept)
        changed = reply if request.method == "OPTIONS" else self.change(asked, reply)
        if isinstance(changed, Response):
            changed.headers.setdefault("Access-Control-Allow-Origin", "*")
            return changed
        return Response(changed.body, changed.status, changed.headers)


METHODS = ["GET", "POST", "PUT", "OPTIONS"]


@contextmanager
def running_between(folder: Path, **settings: str) -> Iterator[Between]:
    """One, in front of a service of its own that gives the address of this one as its own."""
    between = Between(folder=folder / "data")
    app = Starlette(routes=[Route("/{path:path}", between.__call__, methods=METHODS)])
    with serving(app) as url, between.running:
        between.url = url
        between.settings = {"public_url": url, "key_passphrase": PASSPHRASE} | UNBOUNDED | settings
        between.start()
        yield between
