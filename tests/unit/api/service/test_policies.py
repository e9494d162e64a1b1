"""What a page and its scripts may connect to."""

from starlette.testclient import TestClient

from api.pages.rendering import static_files, static_version


def directives(policy: str) -> dict[str, str]:
    return dict(each.strip().partition(" ")[::2] for each in policy.split(";"))


def test_one_worker_alone_may_connect_to_other_hosts_over_https_and_to_nothing_else(client: TestClient) -> None:
    reaching = {}
    for name in static_files():
        answer = client.get(f"/static/{static_version()}/{name}")
        assert answer.status_code == 200
        policy = directives(answer.headers["content-security-policy"])
        assert policy["default-src"] == "'none'"
        if "connect-src" in policy:
            reaching[name] = policy
    assert reaching == {"fetch_worker.js": {"default-src": "'none'", "connect-src": "https:"}}
    for path in ("/", "/verify", "/verify?source=https://example.org/x.jpg", "/log"):
        assert directives(client.get(path).headers["content-security-policy"])["connect-src"] == "'self'", path
