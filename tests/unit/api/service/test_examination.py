"""What our own failures and a file's costs are told as: a worker that was killed says nothing of a picture."""

import hashlib
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from provenance.errors import ExaminationUnavailable, MediaTooCostly, StoreUnavailable
from registry.registry import Registry
from registry.sandbox import Budget, Sandbox
from registry.sandbox.examination import compare_references, describe_parts, describe_picture, examine_file, prepare
from registry.search.inverted_file import InvertedFile
from tests.patience import HUNG_SECONDS

Picture = Callable[..., bytes]
Headers = dict[str, str]


def workers() -> list[int]:
    """The sandbox workers of this process."""
    children = [
        int(child)
        for thread in Path("/proc/self/task").iterdir()
        for child in (thread / "children").read_text().split()
    ]
    return [pid for pid in children if b"registry.sandbox.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def verify(client: TestClient, data: bytes) -> Any:
    return client.post("/v1/verifications", content=data, headers={"Content-Type": "image/jpeg"})


def register(client: TestClient, headers: Headers, data: bytes) -> Any:
    return client.post("/v1/assets", files={"file": ("a.jpg", data)}, headers=headers)


@pytest.mark.timing
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_was_lost_costs_nobody_a_picture(
    client: TestClient, writer: Headers, jpeg: Picture, registry: Registry, how: signal.Signals
) -> None:
    assert registry.sandbox.wait_until_ready(HUNG_SECONDS)
    for pid in workers():
        os.kill(pid, how)
    assert register(client, writer, jpeg(700 + how)).status_code == 201
    for pid in workers():
        os.kill(pid, how)
    assert verify(client, jpeg(700 + how)).status_code == 200


@pytest.mark.timing
def test_while_there_is_no_worker_a_good_picture_is_asked_for_later_and_taken_then(
    client: TestClient, jpeg: Picture, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert registry.sandbox.wait_until_ready(HUNG_SECONDS)
    with monkeypatch.context() as patch:
        patch.setattr("registry.sandbox.process.sys.executable", "/no/such/python")
        patch.setattr(registry.sandbox, "_busy_seconds", 0.5)
        for pid in workers():
            os.kill(pid, signal.SIGKILL)
        answer = verify(client, jpeg(710))
    assert answer.status_code == 503
    assert answer.json()["type"].rpartition(":")[2] in ("examination-unavailable", "overloaded")
    assert "damaged" not in answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert registry.sandbox.wait_until_ready(HUNG_SECONDS)
    assert verify(client, jpeg(710)).status_code == 200


@pytest.fixture
def failing(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has the sandbox end some jobs in an exception, as it does where they cost too much or lose their workers."""
    run = Sandbox.run

    def fail(error: Exception, *jobs: Callable[..., object]) -> None:
        def failing_run(sandbox: Sandbox, function: Callable[..., object], *args: object, **options: Any) -> object:
            if function in jobs:
                raise error
            return run(sandbox, function, *args, **options)

        monkeypatch.setattr(Sandbox, "run", failing_run)

    return fail


ALL_JOBS = (compare_references, describe_parts, describe_picture, examine_file, prepare)
LOST = ExaminationUnavailable("no worker could finish looking at it", retry_after=7)
COSTLY = MediaTooCostly("examining it used up the processor time")


def test_a_file_that_costs_too_much_is_refused_as_that_and_never_as_damaged(
    client: TestClient, writer: Headers, jpeg: Picture, failing: Callable[..., None]
) -> None:
    failing(COSTLY, examine_file, prepare)
    for answer in (verify(client, jpeg(711)), register(client, writer, jpeg(711))):
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:countermark:problem:media-too-costly"
        assert "damaged" not in answer.text
        assert "used up the processor time" in answer.json()["detail"]


def test_a_picture_whose_workers_were_lost_is_asked_for_again(
    client: TestClient, writer: Headers, jpeg: Picture, failing: Callable[..., None]
) -> None:
    failing(LOST, examine_file, prepare)
    for answer in (verify(client, jpeg(711)), register(client, writer, jpeg(711))):
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:countermark:problem:examination-unavailable"
        assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize("failure", [COSTLY, LOST])
@pytest.mark.parametrize("job", [compare_references, describe_picture, describe_parts])
def test_a_comparison_that_times_out_stands_under_not_checked(
    client: TestClient, writer: Headers, jpeg: Picture, failing: Callable[..., None], failure: Exception, job: Any
) -> None:
    registered = register(client, writer, jpeg(712)).json()["id"]
    copy = jpeg(712, quality=40)
    failing(failure, compare_references, job)
    answer = verify(client, copy)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert any(str(failure) == each["why"] for each in report["not_checked"]), report["not_checked"]
    assert report["axes"]["registration"]["value"] == "POSSIBLE_MATCH"
    assert report["matches"][0]["asset"]["id"] == registered


@pytest.mark.parametrize("job", [describe_picture, describe_parts])
def test_what_could_not_be_searched_for_is_not_said_to_be_not_found(
    client: TestClient, jpeg: Picture, failing: Callable[..., None], job: Any
) -> None:
    failing(COSTLY, job)
    report = verify(client, jpeg(713)).json()
    assert report["axes"]["registration"]["value"] == "NOT_CHECKED"
    assert report["headline"]["code"] == "NOT_CHECKED"


def test_the_service_is_ready_only_while_pictures_can_be_examined(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(Sandbox, "trouble", LOST)
    refused = client.get("/readyz")
    assert refused.status_code == 503
    assert refused.json()["type"] == "urn:countermark:problem:examination-unavailable"
    assert client.get("/livez").status_code == 200


def test_the_service_is_ready_only_when_all_registrations_can_be_searched(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(
        InvertedFile, "trouble", StoreUnavailable("the index is being made: it has 7 registrations so far")
    )
    refused = client.get("/readyz")
    assert refused.status_code == 503
    assert refused.json()["type"] == "urn:countermark:problem:store-unavailable"


def left(answer: Any) -> int:
    found = re.search(r'"verifications";r=(\d+)', answer.headers["ratelimit"])
    assert found is not None
    return int(found[1])


def test_a_verification_counts_for_the_processor_time_that_it_takes(
    client: TestClient, jpeg: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = jpeg(720, width=1024, height=768)
    before = left(verify(client, picture))
    assert left(verify(client, picture)) == before - 1  # an ordinary one
    monkeypatch.setattr("api.http.limits.UNIT_SECONDS", 0.001)
    assert left(verify(client, picture)) < before - 11


def test_a_picture_that_was_refused_counts_for_what_it_took(
    client: TestClient, jpeg: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = left(verify(client, jpeg(721)))

    def costly(_sandbox: Sandbox, *_: object, budget: Budget, **__: object) -> None:
        budget.spent += 9.0
        raise COSTLY

    monkeypatch.setattr(Sandbox, "run", costly)
    answer = verify(client, jpeg(722))
    assert answer.status_code == 422
    assert left(answer) == before - 18


def test_all_that_is_done_with_a_picture_has_one_budget(
    client: TestClient, writer: Headers, jpeg: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert register(client, writer, jpeg(723)).status_code == 201
    run = Sandbox.run
    budgets: list[Budget] = []

    def watched(sandbox: Sandbox, function: Any, *args: object, budget: Budget | None = None, **options: Any) -> object:
        if budget is not None:
            budgets.append(budget)
        value: object = run(sandbox, function, *args, budget=budget, **options)
        if function is examine_file and budget is not None:
            budget.spent = budget.seconds - 0.1  # hardly anything is left for what follows
        return value

    monkeypatch.setattr(Sandbox, "run", watched)
    answer = verify(client, jpeg(723, quality=40))
    assert answer.status_code == 200, answer.text
    assert len(budgets) >= 2
    assert len(set(map(id, budgets))) == 1
    assert any("used up the processor time" in each["why"] for each in answer.json()["not_checked"])


def test_digests_of_a_registration_that_waits_for_its_comparison_wait_for_no_worker(
    client: TestClient, writer: Headers, jpeg: Picture, failing: Callable[..., None]
) -> None:
    failing(LOST, describe_picture, compare_references)
    registered = register(client, writer, jpeg(724))
    assert registered.status_code == 201
    sha256 = hashlib.sha256(jpeg(724)).hexdigest()
    failing(AssertionError("a worker was asked"), *ALL_JOBS)
    answer = client.post("/v1/verifications", json={"sha256": sha256})
    assert answer.status_code == 200, answer.text
    assert answer.json()["axes"]["registration"]["value"] == "EXACT_MATCH"
