"""A small application with the real middleware, problems and uploads around routes made for the tests."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import Depends, FastAPI, Request
from starlette.testclient import TestClient

from api.http.bodies import Bodies, receive_json
from api.http.limits import Policy, RateLimiter, limited
from api.http.logs import configure_logs
from api.http.metrics import Metrics
from api.http.middleware import middleware_for
from api.http.problems import install_problems
from api.http.requests import PublisherRequest
from api.http.upload import Spool
from api.pages.rendering import problem_page
from api.settings import Settings
from provenance import errors

MAX_FILE = 300_000


@pytest.fixture(autouse=True, scope="session")
def _logs() -> None:
    configure_logs("info")


@pytest.fixture
def settings() -> Settings:
    return Settings(environment="development", cors_origins=("https://reader.example",))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", max_file_bytes=MAX_FILE, bodies=Bodies())


@pytest.fixture
def application(settings: Settings, spool: Spool) -> FastAPI:
    app = FastAPI(middleware=middleware_for(settings, Metrics()), redirect_slashes=False)
    install_problems(app, problem_page)
    app.state.bodies = Bodies()
    app.state.limiters = {"reads": RateLimiter(Policy("reads", 3, 60), time.monotonic)}

    @app.post("/file")
    async def file(request: Request) -> dict[str, object]:
        async with spool.receive(request, text=("metadata",)) as received:
            upload = received.file
            assert upload.path.parent == spool.folder
            assert re.fullmatch(r"upload-\w+", upload.path.name)
            assert upload.path.stat().st_size == upload.size
            return {"sha256": upload.sha256.hex(), "size": upload.size, "fields": dict(received.fields)}

    @app.post("/json")
    async def json(request: Request) -> dict[str, object]:
        return (await receive_json(request, PublisherRequest)).model_dump()

    @app.get("/number/{number}")
    def number(number: int) -> int:
        return number

    @app.get("/limited", dependencies=[Depends(limited("reads"))])
    def read() -> str:
        return "read"

    @app.get("/fail/{name}")
    def fail(name: str) -> None:
        error = getattr(errors, name, RuntimeError)
        if issubclass(error, errors.RetryLater):
            raise error("said to the client", retry_after=1.2)
        raise error("secret of /data/keys" if error is RuntimeError else "said to the client")

    return app


@pytest.fixture
def client(application: FastAPI) -> Iterator[TestClient]:
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client
