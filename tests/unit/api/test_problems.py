import json
import re

import pytest
from starlette.testclient import TestClient

from api.http import problems
from api.http.logs import configure_logs
from api.http.problems import INTERNAL_ERROR, KINDS, Kind, kind_of
from provenance import errors
from provenance.sentences import SENTENCES


def _leaves(cls: type[errors.CountermarkError]) -> set[type[errors.CountermarkError]]:
    return {cls}.union(*(_leaves(sub) for sub in cls.__subclasses__()))


def test_every_error_of_media_and_registry_states_a_slug() -> None:
    at_start_only = {errors.SettingsInvalid}
    bases = {errors.MediaError, errors.RegistryError, errors.RetryLater}
    raised = (_leaves(errors.MediaError) | _leaves(errors.RegistryError)) - bases
    assert [cls for cls in raised - at_start_only if "slug" not in vars(cls)] == []


def test_every_slug_has_a_status_and_a_title() -> None:
    assert {cls.slug for cls in _leaves(errors.CountermarkError)} <= KINDS.keys()
    assert SENTENCES.problems.keys() == KINDS.keys()


def test_no_two_problem_types_share_a_slug() -> None:
    kinds = [kind for kind in vars(problems).values() if isinstance(kind, Kind)]
    assert all(KINDS[kind.slug] is kind for kind in kinds)


def test_an_error_without_a_slug_is_internal() -> None:
    assert kind_of(errors.ProofInvalid("x")) is INTERNAL_ERROR
    assert kind_of(KeyError("x")) is INTERNAL_ERROR


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("/fail/NotFound", 404, "not-found"),
        ("/fail/UnsupportedMedia", 415, "unsupported-media"),
        ("/fail/MediaTooLarge", 413, "media-too-large"),
        ("/fail/UndecodableMedia", 422, "undecodable-media"),
        ("/fail/MediaTooCostly", 422, "media-too-costly"),
        ("/fail/ExaminationUnavailable", 503, "examination-unavailable"),
        ("/fail/NotAuthenticated", 401, "not-authenticated"),
        ("/fail/IdempotencyConflict", 409, "idempotency-conflict"),
        ("/fail/RateLimited", 429, "rate-limited"),
        ("/fail/Overloaded", 503, "overloaded"),
        ("/fail/StoreUnavailable", 503, "store-unavailable"),
        ("/fail/RuntimeError", 500, "internal-error"),
        ("/nowhere", 404, "not-found"),
        ("/number/x", 422, "invalid-request"),
        ("/file", 405, "method-not-allowed"),
    ],
)
def test_every_failure_is_a_problem_with_a_request_id(client: TestClient, path: str, status: int, slug: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:countermark:problem:{slug}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["instance"] == path
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_an_internal_error_tells_the_client_nothing_of_its_cause(client: TestClient) -> None:
    answer = client.get("/fail/anything")
    assert "secret" not in answer.text
    assert "RuntimeError" not in answer.text


@pytest.mark.parametrize("name", ["StoreCorrupt", "StoreUnavailable", "StoreLocked"])
def test_what_is_for_the_operator_is_not_told_to_the_client(client: TestClient, name: str) -> None:
    assert "said to the client" not in client.get(f"/fail/{name}").text


def test_what_is_for_the_client_is_its_detail(client: TestClient) -> None:
    assert client.get("/fail/NotFound").json()["detail"] == "said to the client"


@pytest.mark.parametrize("name", ["RateLimited", "Overloaded", "StoreUnavailable", "ExaminationUnavailable"])
def test_who_should_come_back_is_told_when(client: TestClient, name: str) -> None:
    assert int(client.get(f"/fail/{name}").headers["retry-after"]) >= 1


def test_a_missing_key_is_challenged(client: TestClient) -> None:
    assert client.get("/fail/NotAuthenticated").headers["www-authenticate"].startswith("Bearer")


def test_a_wrong_method_names_the_right_ones(client: TestClient) -> None:
    assert client.get("/file").headers["allow"] == "POST"


def test_a_bad_parameter_is_pointed_at_without_repeating_it(client: TestClient) -> None:
    answer = client.get("/number/hunter2")
    assert answer.json()["errors"][0]["pointer"] == "path/number"
    assert "hunter2" not in str(answer.json()["errors"])


def test_request_ids_are_ours_and_never_the_same(client: TestClient) -> None:
    ids = {client.get("/number/1", headers={"X-Request-Id": "mine"}).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch(r"req_[0-9a-f]{24}", each) for each in ids)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"\xff\xfe", 400),
        (b'{"id":"a","id":"b","name":"x"}', 400),
        (b'{"id":"a","name":NaN}', 400),
        (b"[" * 100_000, 400),
        (b'{"id":"a","name":"x","colour":1}', 422),
        (b'{"id":"A B","name":"x"}', 422),
        (b'{"id":"a","name":"\\u0000"}', 422),
        (b'{"id":"a","name":"\\ud800"}', 422),
        (b"[]", 422),
        (b'{"id":"a","name":"' + b"x" * 300_000 + b'"}', 413),
    ],
)
def test_bad_json_is_refused(client: TestClient, body: bytes, status: int) -> None:
    answer = client.post("/json", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_unknown_field_is_pointed_at(client: TestClient) -> None:
    answer = client.post("/json", json={"id": "a", "name": "x", "colour/~": 1})
    assert answer.json()["errors"] == [{"pointer": "#/colour~1~0", "detail": "Extra inputs are not permitted"}]


@pytest.mark.parametrize(
    ("name", "status"),
    [("Overloaded", 503), ("ExaminationUnavailable", 503), ("StoreUnavailable", 503), ("RateLimited", 429)],
)
def test_a_refusal_is_one_line_in_the_log_which_says_why(
    client: TestClient, capsys: pytest.CaptureFixture[str], name: str, status: int
) -> None:
    configure_logs("info")
    client.get(f"/fail/{name}")
    (line,) = [each for each in capsys.readouterr().err.splitlines() if "httpx" not in each]
    told = json.loads(line)
    assert (told["status"], told["reason"]) == (status, "said to the client")
    assert told["problem"] == getattr(errors, name).slug
    assert "Traceback" not in line


@pytest.mark.parametrize("name", ["StoreCorrupt", "RuntimeError"])
def test_a_failure_that_nobody_planned_is_logged_with_its_traceback(
    client: TestClient, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    configure_logs("info")
    client.get(f"/fail/{name}")
    assert "Traceback" in capsys.readouterr().err


def test_no_refusal_tells_of_something_else_that_it_works() -> None:
    told = " ".join(each.get("detail", "") + each["title"] for each in SENTENCES.problems.values())
    assert "still work" not in told
