"""The SDK's models against the committed contract: what the service says, the SDK reads."""

import inspect
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from countermark import Report, models

from tests.unit.client import story

DOCUMENT = yaml.safe_load((Path(__file__).parents[3] / "openapi.yaml").read_text())
CONTRACT: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
THEIRS: dict[str, dict[str, Any]] = {
    name: schema
    for name, schema in CONTRACT.items()
    if not name.endswith(("Request", "Metadata")) and schema.get("type") == "object"
}
OURS: dict[str, type[models.Answer]] = {
    name: model
    for name, model in inspect.getmembers(models, inspect.isclass)
    if issubclass(model, models.Answer) and model is not models.Answer
}
SET_BY_US = {("RegisteredAsset", "created")}
"""Fields that no body carries."""


def shape(schema: dict[str, Any]) -> Any:
    """What a JSON schema lets through, without what only the service has to know: patterns, choices, descriptions."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return sorted(str(shape(option)) for option in schema["anyOf"])
    if schema.get("type") == "array":
        return ["array", shape(schema["items"]) if "items" in schema else "number"]
    return schema.get("format", schema.get("type"))


def without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value that is there."""
    options = [option for option in schema.get("anyOf", [schema]) if option != {"type": "null"}]
    return options[0] if len(options) == 1 else schema | {"anyOf": options}


def test_the_sdk_reads_every_answer_of_the_service_and_no_other() -> None:
    assert OURS.keys() == THEIRS.keys()


@pytest.mark.parametrize("name", sorted(OURS))
def test_an_answer_has_the_fields_of_the_contract(name: str) -> None:
    ours, theirs = OURS[name].model_json_schema(), THEIRS[name]
    fields = {field: value for field, value in ours["properties"].items() if (name, field) not in SET_BY_US}
    assert fields.keys() == theirs["properties"].keys()
    assert set(ours["required"]) <= set(theirs["required"])
    for field, schema in fields.items():
        both = [schema, theirs["properties"][field]]
        if field not in ours["required"]:  # it may be None, where a kept report is from before there was this field
            both = [without_null(each) for each in both]
        assert shape(both[0]) == shape(both[1]), f"{name}.{field}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Asset", story.asset()),
        ("Dispute", story.dispute()),
        ("Report", story.report()),
        ("Problem", story.problem("not-found", 404, "no")),
    ],
)
def test_the_story_that_these_tests_tell_is_one_that_the_service_could_tell(name: str, value: dict[str, Any]) -> None:
    contract = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    jsonschema_rs.validate(contract, value)


def test_models_are_immutable() -> None:
    report = Report.model_validate(story.report())
    with pytest.raises(ValueError, match="frozen"):
        report.id = "other"
