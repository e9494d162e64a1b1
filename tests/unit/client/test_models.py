"""The SDK's models against the committed contract: what the service says, the SDK reads."""

import json
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from countermark import Asset, Report, models
from countermark.models import AxisValue, dump, read

from provenance import answers
from provenance.errors import UnexpectedAnswer
from tests import replies
from tests.unit.client import story

DOCUMENT = yaml.safe_load((Path(__file__).parents[3] / "openapi.yaml").read_text())
CONTRACT: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
THEIRS: dict[str, dict[str, Any]] = {
    name: schema
    for name, schema in CONTRACT.items()
    if not name.endswith("Request") and name != "AssetMetadata" and schema.get("type") == "object"
}
OURS = {
    name: kind
    for name, kind in vars(models).items()
    if isinstance(kind, type) and is_dataclass(kind) and name[0] != "_"
}


def test_an_answer_is_shown_in_a_few_lines() -> None:
    for kind, value in ((Asset, story.asset()), (Report, story.report())):
        shown = repr(read(kind, json.dumps(value)))
        assert value["id"] in shown
        assert len(shown) <= 300
    assert repr(AxisValue(value="PUBLISHED", summary="In the log.")) == (
        "AxisValue(value='PUBLISHED', summary='In the log.')"
    )


def test_an_axis_is_had_by_its_name() -> None:
    axes = read(Report, json.dumps(story.report())).axes
    assert axes["proof"] is axes.proof
    with pytest.raises(KeyError):
        axes["items"]


def test_the_sdk_reads_every_answer_of_the_service_and_no_other() -> None:
    assert OURS.keys() == THEIRS.keys()


@pytest.mark.parametrize("name", sorted(OURS))
def test_an_answer_is_the_class_that_the_service_builds(name: str) -> None:
    ours, theirs = OURS[name], getattr(answers, name)
    beyond = {"RegisteredAsset": "created", "Report": "url"}.get(name)  # what no body carries
    if beyond is not None:
        assert {each.name for each in fields(ours)} == {each.name for each in fields(theirs)} | {beyond}
        assert issubclass(ours, theirs)
    else:
        assert ours is theirs


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Asset", story.asset()),
        ("Dispute", story.dispute()),
        ("Report", story.report()),
        ("Problem", replies.problem("not-found", 404, "no")),
    ],
)
def test_the_story_that_these_tests_tell_is_one_that_the_service_could_tell(name: str, value: dict[str, Any]) -> None:
    contract = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    jsonschema_rs.validate(contract, value)


def test_a_report_reads_alike_from_its_bytes_and_from_what_they_were_parsed_to() -> None:
    report = read(Report, json.dumps(story.report()).encode())
    assert report == read(Report, story.report()) == read(Report, json.dumps(story.report()))
    assert report.created_at.tzinfo is not None
    assert read(Report, dump(report)) == report


def test_what_a_newer_service_says_beyond_the_fields_and_values_known_here_is_read() -> None:
    newer = story.report() | {"mood": "good"}
    newer["matches"][0]["basis"] = "smell"
    assert read(Report, newer).matches[0].basis == "smell"


def test_what_an_older_service_did_not_say_has_its_default() -> None:
    older = story.report()
    del older["resembles"], older["older_registration"], older["matches"][0]["value"], older["matches"][0]["sources"]
    report = read(Report, older)
    assert (report.resembles, report.matches[0].value, report.matches[0].sources) == (None, None, ())
    assert report.older is None


def test_what_is_no_such_answer_is_told_with_the_place() -> None:
    broken = story.report()
    del broken["matches"][0]["asset"]["media"]["sha256"]
    with pytest.raises(UnexpectedAnswer, match=r"not a Report: matches\.0\.asset\.media\.sha256: "):
        read(Report, broken)
    with pytest.raises(UnexpectedAnswer, match="not a Report: its body: "):
        read(Report, b"<html>")


def test_models_are_immutable() -> None:
    report = read(Report, story.report())
    with pytest.raises(FrozenInstanceError):
        report.id = "other"  # type: ignore[misc]
