"""The JSON Schemas in docs/reference/records say what the code reads and writes."""

import dataclasses
import json
import re
from operator import itemgetter
from pathlib import Path
from typing import Any, get_args

import pytest

from provenance import limits
from provenance.statement.handover import Handover
from provenance.statement.record import (
    CredentialFacts,
    Identity,
    MediaFacts,
    Parent,
    Record,
    SketchFacts,
)

ROOT = Path(__file__).parents[3]
RECORDS = json.loads((ROOT / "tests/vectors/statement/records.json").read_text(encoding="utf-8"))
REFUSED = json.loads((ROOT / "tests/vectors/statement/records-refused.json").read_text(encoding="utf-8"))
SCHEMAS = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
    for path in (ROOT / "docs/reference/records").glob("*.schema.json")
}
NESTED = {
    "media": MediaFacts,
    "sketch": SketchFacts,
    "credential": CredentialFacts,
    "parent": Parent,
    "identity": Identity,
    "handover": Handover,
}
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
}


def problems(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str = "") -> list[str]:
    """What a value violates, for the keywords that our schemas use (JSON Schema 2020-12)."""
    unknown = schema.keys() - {
        *("$schema", "$id", "$defs", "$ref", "title", "description", "type", "const", "enum", "pattern", "required"),
        *("minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "items", "properties"),
        *("propertyNames", "maxProperties", "additionalProperties", "oneOf", "if", "then"),
    }
    assert not unknown, f"this test does not know {unknown}"
    if "$ref" in schema:
        return problems(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, path)
    if "oneOf" in schema:
        matches = [option for option in schema["oneOf"] if not problems(value, option, root, path)]
        return [] if len(matches) == 1 else [f"{path}: matches {len(matches)} of oneOf"]
    found: list[str] = []
    kind = schema.get("type")
    if kind is not None:
        types = JSON_TYPES[kind]
        if not isinstance(value, types) or (isinstance(value, bool) and kind != "boolean"):
            return [f"{path}: not of type {kind}"]
    if "const" in schema and value != schema["const"]:
        found.append(f"{path}: not {schema['const']}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path}: not in enum")
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            found.append(f"{path}: length")
        if "pattern" in schema and not re.fullmatch(schema["pattern"][1:-1], value):  # without ^ and $
            found.append(f"{path}: pattern")
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{path}: range")
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            found.append(f"{path}: number of items")
        for i, item in enumerate(value):
            found += problems(item, schema.get("items", {}), root, f"{path}[{i}]")
    if isinstance(value, dict):
        found += [f"{path}.{name}: missing" for name in schema.get("required", []) if name not in value]
        if len(value) > schema.get("maxProperties", len(value)):
            found.append(f"{path}: number of members")
        properties = schema.get("properties", {})
        for name, member in value.items():
            if name in properties:
                found += problems(member, properties[name], root, f"{path}.{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{path}.{name}: not allowed")
            elif "additionalProperties" in schema:
                found += problems(member, schema["additionalProperties"], root, f"{path}.{name}")
            found += problems(name, schema.get("propertyNames", {}), root, f"{path}: name {name}")
        if "if" in schema and not problems(value, schema["if"], root, path):
            found += problems(value, schema["then"], root, path)
    return found


def field_names(cls: type) -> tuple[set[str], set[str]]:
    """All fields of a dataclass and those without default, `extra` left out."""
    fields = [field for field in dataclasses.fields(cls) if field.name != "extra"]
    required = {
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    return {field.name for field in fields}, required


@pytest.mark.parametrize("cls", get_args(Record), ids=lambda cls: cls.TYPE)
def test_a_schema_lists_the_fields_of_its_record(cls: Any) -> None:
    schema = SCHEMAS[cls.TYPE]
    every, required = field_names(cls)
    assert schema["properties"].keys() == every | {"type", "version"}
    assert set(schema["required"]) == required | {"type", "version"}
    assert schema["properties"]["type"] == {"const": cls.TYPE}
    for name, nested in NESTED.items():
        if name in schema["$defs"]:
            every, required = field_names(nested)
            assert schema["$defs"][name]["properties"].keys() == every, name
            assert set(schema["$defs"][name]["required"]) == required, name


def test_there_is_a_schema_for_each_type_and_no_other() -> None:
    assert SCHEMAS.keys() == {cls.TYPE for cls in get_args(Record)}


@pytest.mark.parametrize("vector", RECORDS, ids=itemgetter("name"))
def test_an_accepted_vector_conforms_to_its_schema(vector: dict[str, Any]) -> None:
    schema = SCHEMAS[vector["record"]["type"]]
    assert problems(vector["record"], schema, schema) == []


BEYOND_A_SCHEMA = {
    *("salt with trailing bits", "claimed_at: 30 February", "claimed_at: 24 o'clock", "claimed_at: leap second"),
    *("claimed_at: year 0", "operator key of small order", "key outside the curve"),
    *("log.key with a signature of trailing bits", "enrolment with a handover", "enrolment with an invalidity date"),
}


@pytest.mark.parametrize(
    "vector",
    [case for case in REFUSED if case["field"] not in (None, "a", "type") and case["name"] not in BEYOND_A_SCHEMA],
    ids=itemgetter("name"),
)
def test_a_vector_refused_for_a_field_violates_its_schema(vector: dict[str, Any]) -> None:
    record = json.loads(vector["data"] if "data" in vector else bytes.fromhex(vector["data_hex"]))
    schema = SCHEMAS[record["type"]]
    assert problems(record, schema, schema)


def test_the_schemas_carry_the_limits_of_the_code() -> None:
    asset = SCHEMAS["asset.registered"]
    assert asset["properties"]["title"]["maxLength"] == limits.MAX_LINE_CHARACTERS
    assert asset["properties"]["caption"]["maxLength"] == limits.MAX_TEXT_CHARACTERS
    assert asset["properties"]["parents"]["maxItems"] == limits.MAX_PARENTS
    assert asset["properties"]["fingerprints"]["maxProperties"] == limits.MAX_FINGERPRINTS
    assert asset["$defs"]["media"]["properties"]["size"]["maximum"] == limits.MAX_SAFE_INTEGER
    change = SCHEMAS["log.key"]
    assert change["properties"]["log_keys"]["maxItems"] == limits.MAX_GENESIS_KEYS
    assert change["properties"]["signatures"]["maxItems"] == 2 * limits.MAX_GENESIS_KEYS
    verdict = SCHEMAS["verdict.recorded"]
    assert verdict["properties"]["axes"]["maxProperties"] == limits.MAX_VERDICT_AXES
    assert verdict["properties"]["methods"]["maxItems"] == limits.MAX_VERDICT_METHODS
    assert verdict["properties"]["records"]["maxItems"] == limits.MAX_VERDICT_RECORDS
    genesis = SCHEMAS["log.genesis"]
    assert genesis["properties"]["log_keys"]["maxItems"] == limits.MAX_GENESIS_KEYS
    assert genesis["properties"]["log_keys"]["items"]["maxLength"] == limits.MAX_VERIFIER_KEY_CHARACTERS


def test_every_field_is_described_in_the_reference() -> None:
    text = (ROOT / "docs/reference/records.md").read_text(encoding="utf-8")
    for name, schema in SCHEMAS.items():
        assert f"## `{name}`" in text
        section = text.split(f"## `{name}`")[1].split("\n## ")[0]
        for field in schema["properties"].keys() - {"type", "version", "salt", "claimed_at"}:
            assert f"`{field}`" in section, f"{name}.{field}"
