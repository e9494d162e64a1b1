"""What becomes of registrations, through either client: what is asked, and what is made of the answer."""

import json

import pytest
from countermark import Erased, InvalidRequest, Sealed, UnexpectedAnswer

from tests import replies
from tests.replies import says
from tests.unit.client import story
from tests.unit.client.conftest import Ask
from tests.unit.client.story import RECORD, VERIFICATION

OTHER = "6f" * 32


def test_a_dispute_is_raised_once_whatever_the_connection_does(
    ask: Ask, service: story.Service, impatient: None
) -> None:
    service.will(replies.breaks, says(story.dispute(), 201))
    dispute = ask("dispute", OTHER, "It is ours.", counterclaim=RECORD, options={"api_key": "cmk_a_b"})
    assert (dispute.open, dispute.publisher.id) == (True, "daily")
    first, second = service.asked
    assert (first.method, first.path) == ("POST", "/v1/disputes")
    assert json.loads(first.body) == {
        "record": OTHER,
        "reason": "It is ours.",
        "counterclaim": RECORD,
        "publisher": None,
    }
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


def test_a_dispute_is_answered_and_listed(ask: Ask, service: story.Service) -> None:
    service.will(says(story.dispute(), 201))
    ask("answer_dispute", RECORD, "rejected", "See the contact sheet.")
    assert service.asked[0].path == f"/v1/disputes/{RECORD}/answers"
    assert json.loads(service.asked[0].body)["outcome"] == "rejected"
    service.will(says({"items": [story.dispute()]}))
    assert [each.id for each in ask("disputes", OTHER)] == [RECORD]
    assert service.asked[1].path == f"/v1/disputes?record={OTHER}"


def test_a_seal_is_set_listed_and_lifted(ask: Ask, service: story.Service) -> None:
    service.will(story.uploaded(), story.registered(visibility="sealed"))
    asset = ask("register", story.PICTURE, visibility="sealed")
    assert asset.visibility == "sealed"
    assert json.loads(service.asked[1].body)["metadata"] == {"visibility": "sealed"}
    service.will(says(story.asset()))
    assert ask("reveal", RECORD).visibility == "public"
    assert (service.asked[2].method, service.asked[2].path) == ("POST", f"/v1/assets/{RECORD}/reveal")


def test_an_erasure_says_what_went(ask: Ask, service: story.Service) -> None:
    gone = {
        "record": RECORD,
        "type": "asset.registered",
        "erased_by": f"urn:countermark:record:{OTHER}",
        "index": 12,
        "state": "published",
        "logged_at": "2026-05-04T09:40:00Z",
    }
    service.will(says({"id": RECORD, "reason": "asked for", "records": [gone]}))
    erasure = ask("erase", RECORD, "asked for")
    assert erasure.records[0].type == "asset.registered"
    assert json.loads(service.asked[0].body) == {"reason": "asked for"}
    assert ask("erasure", RECORD) == erasure
    assert service.asked[1].method == "GET"


@pytest.mark.parametrize(("slug", "status", "kind"), [("sealed", 403, Sealed), ("erased", 410, Erased)])
def test_what_is_sealed_or_erased_says_so(
    ask: Ask, service: story.Service, slug: str, status: int, kind: type[Exception]
) -> None:
    service.will(replies.refuses(slug, status, "it is so"))
    with pytest.raises(kind, match="it is so"):
        ask("asset", RECORD)


def test_a_graph_comes_as_values_and_as_files(ask: Ask, service: story.Service) -> None:
    node = {
        "id": RECORD,
        "state": "sealed",
        "index": 3,
        "title": None,
        "publisher": None,
        "publisher_name": None,
        "logged_at": None,
        "standing": None,
    }
    edge = {"child": OTHER, "parent": RECORD, "relation": "parentOf"}
    service.will(says({"id": OTHER, "nodes": [node], "edges": [edge], "truncated": False}))
    graph = ask("graph", OTHER)
    assert (graph.nodes[0].state, graph.edges[0].relation) == ("sealed", "parentOf")
    service.will(says(b"<svg/>", media_type="image/svg+xml"))
    assert ask("graph_as", OTHER, "svg") == b"<svg/>"
    assert service.asked[1].path == f"/v1/assets/{OTHER}/graph?format=svg"
    with pytest.raises(UnexpectedAnswer):
        ask("graph_as", OTHER, "jsonld")


def test_a_verdict_is_put_on_record(ask: Ask, service: story.Service) -> None:
    verdict = {
        **{name: story.dispute()[name] for name in ("id", "record_id", "index", "state", "logged_at", "publisher")},
        "report_sha256": "ab" * 32,
        "media_sha256": "cd" * 32,
        "headline": "EXACT_MATCH",
        "axes": {"proof": "PUBLISHED"},
        "methods": ["sha-256"],
        "records": [OTHER],
    }
    service.will(says(verdict, 201))
    assert ask("record_verdict", VERIFICATION).axes == {"proof": "PUBLISHED"}
    assert service.asked[0].path == f"/v1/verifications/{VERIFICATION}/record"


@pytest.mark.parametrize("identity", ["", "../x", RECORD + "\n", RECORD.upper()])
def test_no_address_is_made_of_what_is_no_record(ask: Ask, service: story.Service, identity: str) -> None:
    for method, rest in (("dispute", ("r",)), ("erase", ("r",)), ("reveal", ()), ("graph", ()), ("disputes", ())):
        with pytest.raises(InvalidRequest):
            ask(method, identity, *rest)
    assert service.asked == []
