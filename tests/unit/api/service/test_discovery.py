"""What a client learns of a service of which it knows the address alone, and from which pages it may be asked."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from provenance.answers import ServiceDescription
from provenance.transparency.note import VerifierKey
from registry.registry import Registry
from tests.unit.api.service.agreed import agreed

ANYWHERE = {"Origin": "https://reader.example"}


def test_a_service_says_where_its_log_is_and_under_which_keys(client: TestClient, registry: Registry) -> None:
    told = agreed(ServiceDescription, client.get("/.well-known/countermark.json"))
    assert told.origin == client.get("/log/checkpoint").text.splitlines()[0]
    assert [VerifierKey.parse(key) for key in told.log_keys] == list(registry.sequencer.keys.current)
    assert told.operator == "The Test Daily"
    assert (told.api, told.log) == ("http://127.0.0.1:8000", "http://127.0.0.1:8000/log")


def test_the_rates_that_it_states_are_those_of_its_header_fields(client: TestClient, writer: dict[str, str]) -> None:
    told = agreed(ServiceDescription, client.get("/.well-known/countermark.json"))
    stated = {f'"{each.name}";q={each.quota};w={each.window}' for each in told.limits.rates}
    sent = {
        client.get("/v1/publishers").headers["ratelimit-policy"],
        client.post("/v1/lookups", json={"items": [{"sha256": "ab" * 32}]}).headers["ratelimit-policy"],
        client.post("/v1/verifications", content=b"x").headers["ratelimit-policy"],
        client.post("/v1/withdrawals", headers=writer).headers["ratelimit-policy"],
        client.get("/v1/keys", headers={"Authorization": "Bearer wrong"}).headers["ratelimit-policy"],
    }
    assert stated == {each for field in sent for each in field.split(", ")}


def test_an_address_may_look_up_six_hundred_thousand_digests_an_hour_by_default(
    registry: Registry,
) -> None:
    told = TestClient(create_app(Settings(environment="development"), registry)).get("/.well-known/countermark.json")
    rates = {each["name"]: (each["quota"], each["window"]) for each in told.json()["limits"]["rates"]}
    assert rates["lookups"] == (600_000, 3_600)


def test_the_contract_of_the_running_version_is_served(client: TestClient) -> None:
    with Path("openapi.yaml").open() as committed:
        assert client.get("/openapi.json").json() == yaml.safe_load(committed)


class Anchors(HTMLParser):
    """Which places a page has, which it leads to, and what it loads or runs."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.places: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []
        self.loads += (
            [given.get("src") or given.get("href") or tag] if tag in ("script", "link", "img", "style") else []
        )
        assert not any(name.startswith("on") or name == "style" for name in given)


def test_the_reference_page_has_every_call_and_every_schema_of_the_contract_and_runs_no_script(
    client: TestClient,
) -> None:
    contract, answer = client.get("/openapi.json").json(), client.get("/reference")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    page = Anchors(answer.text)
    calls = [said["operationId"] for item in contract["paths"].values() for said in item.values()]
    schemas = [f"schema-{name}" for name in contract["components"]["schemas"]]
    assert set(page.places) >= {*calls, *schemas}
    assert len(page.places) == len(set(page.places))
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= set(page.places)
    assert all(link.startswith(("#", "/", "?")) and not link.startswith("//") for link in page.links)
    assert all(re.match(r"/static/[0-9a-f]{16}/[\w.]+(css|svg)$", each) for each in page.loads), page.loads
    for path, item in contract["paths"].items():
        for method in item:
            assert f"<code>{method.upper()} {path}</code>" in answer.text
    for field in ("pixels_sha256", "kept_until", "Idempotency-Key"):
        assert f"<code>{field}</code>" in answer.text


@pytest.mark.parametrize(
    "path",
    ["/.well-known/countermark.json", "/log/checkpoint", "/v1/assets", "/v1/lookups", "/openapi.json", "/v1/nowhere"],
)
def test_what_is_public_can_be_read_from_every_page_without_credentials(client: TestClient, path: str) -> None:
    for headers in (ANYWHERE, {}):  # a cache keeps one response for all pages
        answer = client.get(path, headers=headers)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert {"ETag", "RateLimit", "Retry-After", "X-Request-Id"} <= set(
            answer.headers["access-control-expose-headers"].split(", ")
        )


@pytest.mark.parametrize("path", ["/v1/lookups", "/v1/verifications"])
def test_any_page_may_ask_what_anybody_may(client: TestClient, path: str) -> None:
    wished = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = client.options(path, headers=ANYWHERE | wished)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "content-type" in preflight.headers["access-control-allow-headers"].lower()
    answer = client.post(path, json={"items": []}, headers=ANYWHERE)
    assert answer.status_code == 422
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/assets"), ("PUT", f"/v1/media/{'ab' * 32}"), ("POST", "/v1/withdrawals"), ("DELETE", "/v1/keys")],
)
def test_no_page_may_write_or_send_a_key(client: TestClient, method: str, path: str) -> None:
    preflight = client.options(path, headers=ANYWHERE | {"Access-Control-Request-Method": method})
    assert "access-control-allow-origin" not in preflight.headers
    reading = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    allowed = client.options("/v1/assets", headers=ANYWHERE | reading).headers["access-control-allow-headers"]
    assert "authorization" not in allowed.lower()


@pytest.mark.parametrize("path", ["/", "/verify", "/metrics", "/readyz"])
def test_pages_and_operation_are_for_their_own_origin(client: TestClient, path: str) -> None:
    assert "access-control-allow-origin" not in client.get(path, headers=ANYWHERE).headers


def test_a_page_that_the_operator_names_may_send_a_key(registry: Registry) -> None:
    named: Any = {"Origin": "https://newsroom.example", "Access-Control-Request-Method": "POST"}
    app = create_app(Settings(environment="development", cors_origins=("https://newsroom.example",)), registry)
    service = TestClient(app)
    preflight = service.options("/v1/assets", headers=named | {"Access-Control-Request-Headers": "authorization"})
    assert preflight.headers["access-control-allow-origin"] == "https://newsroom.example"
    answer = service.get("/v1/assets", headers=named)
    assert answer.headers["access-control-allow-origin"] == "https://newsroom.example"
    assert service.get("/v1/assets", headers=ANYWHERE).headers["access-control-allow-origin"] == "*"
