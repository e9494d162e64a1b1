"""Receipts as the service serves them: in three formats, chosen by query or Accept header."""

from typing import Any

import pytest
from countermark import verify_proof, verify_receipt
from starlette.testclient import TestClient

from provenance.transparency.cose_receipt import TransparentStatement
from registry.registry import Registry

TYPES = {
    "countermark": ("application/vnd.countermark.receipt+json", ".countermark"),
    "tlog-proof": ("text/plain; charset=utf-8", ".tlog-proof"),
    "cose": ("application/cose", ".cose"),
}


def address(registered: dict[str, Any]) -> str:
    return f"/v1/records/{registered['id']}/receipt"


@pytest.mark.parametrize("form", TYPES)
@pytest.mark.parametrize("kind", ["records", "assets"])
def test_each_format_has_its_type_and_its_file_name(
    client: TestClient, registered: dict[str, Any], form: str, kind: str
) -> None:
    answer = client.get(f"/v1/{kind}/{registered['id']}/receipt", params={"format": form})
    media_type, suffix = TYPES[form]
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.headers["content-disposition"] == f'attachment; filename="{registered["id"][:16]}{suffix}"'
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("*/*", "countermark"),
        ("application/json, application/problem+json, */*;q=0.5", "countermark"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "countermark"),
        ("application/cose", "cose"),
        ("application/cose;q=0.4, text/plain;q=0.9", "tlog-proof"),
        ("application/*, text/plain;q=0.9", "countermark"),
        ("application/vnd.countermark.receipt+json;q=0, application/*", "cose"),
        ("text/*", "tlog-proof"),
        ("image/png", "countermark"),
        ("application/cose;q=much", "countermark"),
        (",;q=,", "countermark"),
    ],
)
def test_the_accept_header_chooses(client: TestClient, registered: dict[str, Any], accept: str, form: str) -> None:
    answer = client.get(address(registered), headers={"Accept": accept})
    assert answer.headers["content-type"] == TYPES[form][0]


def test_the_query_counts_more_than_the_header(client: TestClient, registered: dict[str, Any]) -> None:
    answer = client.get(address(registered), params={"format": "cose"}, headers={"Accept": "text/plain"})
    assert answer.headers["content-type"] == "application/cose"


def test_an_unknown_format_is_refused(client: TestClient, registered: dict[str, Any]) -> None:
    answer = client.get(address(registered), params={"format": "pdf"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query/format"


def test_all_three_prove_the_same_entry(client: TestClient, registered: dict[str, Any], registry: Registry) -> None:
    keys = [str(registry.sequencer.key)]
    own, proof, cose = (client.get(address(registered), params={"format": form}).content for form in TYPES)
    receipt = verify_receipt(own, log_keys=keys)
    assert receipt.holds
    for other in (proof, cose):
        report = verify_proof(other, log_keys=keys)
        assert report.holds
        assert report.index == receipt.index == registered["index"]
        assert report.statement is not None
        assert report.statement.record_id == receipt.record_id
    statement = client.get(f"/v1/records/{registered['id']}/statement").content
    assert TransparentStatement.parse(cose).statement == statement


def test_a_receipt_that_the_client_has_is_not_sent_again(client: TestClient, registered: dict[str, Any]) -> None:
    for form in TYPES:
        tag = client.get(address(registered), params={"format": form}).headers["etag"]
        again = client.get(address(registered), params={"format": form}, headers={"If-None-Match": tag})
        assert again.status_code == 304


@pytest.mark.parametrize("form", TYPES)
def test_a_record_that_nobody_has_has_no_receipt(client: TestClient, form: str) -> None:
    assert client.get(f"/v1/records/{'00' * 32}/receipt", params={"format": form}).status_code == 404
