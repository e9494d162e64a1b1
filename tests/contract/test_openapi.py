"""The committed contract: in step with the code, and true to the house rules."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from api.app import assemble
from api.http.openapi import document, is_current

OPENAPI = Path(__file__).resolve().parents[2] / "openapi.yaml"
DOCUMENT: dict[str, Any] = document(assemble())
OPERATIONS = [
    pytest.param(operation, id=operation["operationId"])
    for path in DOCUMENT["paths"].values()
    for operation in path.values()
]
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
CONCISE = {"application/concise-problem-details+cbor": {"schema": {"type": "string", "format": "binary"}}}
REQUESTS = (
    *("AssetRequest", "AssetMetadata", "ParentRequest", "WithdrawalRequest", "PublisherRequest", "DigestsRequest"),
    *("KeyRequest", "OwnKeyRequest", "HandoverRequest", "Ed25519JwkRequest", "P256JwkRequest", "RevocationRequest"),
    *("LookupsRequest", "LookupRequest", "PreparationRequest"),
    *("DisputeRequest", "AnswerRequest", "ErasureRequest", "ApiKeyRequest", "RotationRequest"),
)


def test_the_committed_contract_is_what_the_code_says() -> None:
    assert is_current(assemble(), OPENAPI), "run `python -m api openapi`"


def test_the_document_is_the_same_every_time() -> None:
    assert document(assemble()) == document(assemble()) == yaml.safe_load(OPENAPI.read_text())


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_error_is_documented_as_a_problem(operation: dict[str, Any]) -> None:
    errors = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
    assert "500" in errors
    for answer in errors.values():
        assert answer["content"] == (CONCISE if operation["tags"] == ["scitt"] else PROBLEM)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_json_is_documented_as_json(operation: dict[str, Any]) -> None:
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for media_type, body in ((name, each) for said in bodies for name, each in said.get("content", {}).items()):
        if media_type.endswith(("/json", "+json")):
            assert body["schema"].get("type") == "object" or body["schema"].keys() & {"$ref", "oneOf"}, media_type


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_that_takes_a_key_says_so(operation: dict[str, Any]) -> None:
    keys = operation.get("security", [])
    assert ("401" in operation["responses"]) == bool(keys)
    if operation["tags"] != ["scitt"]:  # where the statement's key lets in
        needs_one = bool(keys) and {} not in keys
        assert needs_one <= ("403" in operation["responses"]) <= bool(keys)


LATER = {
    "Asset": {"byline", "rights", "from_file"},
    "AssetInFull": {"byline", "rights", "from_file"},
    "RegisteredAsset": {"byline", "rights", "from_file"},
    "Headline": {"wordings"},
    "Ingredient": {"manifest_id", "within"},
    "Report": {"kept_until", "older_registration"},
    "Wording": {"sentences"},
}
"""What reports lack that are kept since before these fields came."""


def test_every_field_of_an_answer_is_required_but_for_what_kept_reports_are_older_than() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name not in (*REQUESTS, "PdqRequest", "Problem", "JsonValue"):
            assert set(schema["properties"]) - set(schema["required"]) == LATER.get(name, set()), name


def test_requests_forbid_unknown_fields() -> None:
    for name in REQUESTS:
        assert DOCUMENT["components"]["schemas"][name]["additionalProperties"] is False


def test_every_reference_leads_somewhere() -> None:
    def references(value: object) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*(references(item) for item in value.values()))
        return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()

    schemas = DOCUMENT["components"]["schemas"]
    assert references(DOCUMENT) == {f"#/components/schemas/{name}" for name in schemas}
