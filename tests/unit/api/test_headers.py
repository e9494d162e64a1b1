import pytest
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.testclient import TestClient

from api.http.middleware import SecurityHeaders


@pytest.mark.parametrize("path", ["/number/1", "/nowhere", "/fail/RuntimeError"])
def test_data_can_run_nothing_and_be_framed_nowhere(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "sandbox" in headers["content-security-policy"]
    assert "strict-transport-security" not in headers


def test_a_page_runs_its_own_scripts_only_and_https_is_insisted_on() -> None:
    app = FastAPI(middleware=[Middleware(SecurityHeaders, https=True)])

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return "<p>page</p>"

    headers = TestClient(app).get("/").headers
    policy = headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["strict-transport-security"].startswith("max-age=31536000")


def test_only_the_named_web_origins_may_call(client: TestClient) -> None:
    named = client.get("/number/1", headers={"Origin": "https://reader.example"})
    other = client.get("/number/1", headers={"Origin": "https://other.example"})
    assert named.headers["access-control-allow-origin"] == "https://reader.example"
    assert "X-Request-Id" in named.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in other.headers


def test_a_failure_of_ours_can_be_read_by_the_named_web_origins(client: TestClient) -> None:
    failed = client.get("/fail/anything", headers={"Origin": "https://reader.example"})
    assert failed.status_code == 500
    assert failed.headers["access-control-allow-origin"] == "https://reader.example"
