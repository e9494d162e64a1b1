"""The reference of the REST API as its page shows it, made from the contract (OpenAPI 3.1)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from provenance.quotation import quote

METHODS = ("get", "post", "put", "delete")
_REF = "#/components/schemas/"


@dataclass(frozen=True)
class Part:
    """A piece of a type's name; `schema` is the one that it leads to."""

    text: str
    schema: str | None = None


@dataclass(frozen=True)
class Named:
    """A parameter, or a field of a schema."""

    name: str
    type: tuple[Part, ...]
    note: str
    description: str


@dataclass(frozen=True)
class Content:
    """A body: what it is (a media type, or a status with its meaning), and its type."""

    name: str
    description: str
    type: tuple[Part, ...]


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    anchor: str
    summary: str
    description: str
    needs_key: bool
    parameters: tuple[Named, ...]
    bodies: tuple[Content, ...]
    answers: tuple[Content, ...]


@dataclass(frozen=True)
class Group:
    name: str
    description: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Schema:
    name: str
    description: str
    type: tuple[Part, ...]
    fields: tuple[Named, ...]


@dataclass(frozen=True)
class Reference:
    """All operations by their tags, and all schemas by name."""

    groups: tuple[Group, ...]
    schemas: tuple[Schema, ...]


def reference(contract: Mapping[str, Any]) -> Reference:
    """What an OpenAPI document describes."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in contract["tags"]}
    for path, item in contract["paths"].items():
        for method in METHODS:
            if method in item:
                found[item[method]["tags"][0]].append(_operation(method, path, item[method]))
    return Reference(
        tuple(Group(tag["name"], tag["description"], tuple(found[tag["name"]])) for tag in contract["tags"]),
        tuple(_schema(name, each) for name, each in sorted(contract["components"]["schemas"].items())),
    )


def _operation(method: str, path: str, said: Mapping[str, Any]) -> Operation:
    return Operation(
        method.upper(),
        path,
        said["operationId"],
        said.get("summary", ""),
        said.get("description", ""),
        bool(said.get("security")),
        tuple(
            Named(
                each["name"],
                tuple(_parts(each.get("schema", {}))),
                ", ".join((each["in"], *(["required"] if each.get("required") else []))),
                each.get("description", ""),
            )
            for each in said.get("parameters", ())
        ),
        tuple(
            Content(media_type, "", tuple(_parts(each.get("schema", {}))))
            for media_type, each in said.get("requestBody", {}).get("content", {}).items()
        ),
        tuple(
            Content(status, each.get("description", ""), tuple(_answered(each)))
            for status, each in said.get("responses", {}).items()
        ),
    )


def _answered(response: Mapping[str, Any]) -> Iterator[Part]:
    for number, (media_type, each) in enumerate(response.get("content", {}).items()):
        if number:
            yield Part("; ")
        yield from _parts(each.get("schema", {}), otherwise=media_type)


def _schema(name: str, said: Mapping[str, Any]) -> Schema:
    required = said.get("required", ())
    fields = tuple(
        Named(field, tuple(_parts(each)), "" if field in required else "optional", each.get("description", ""))
        for field, each in said.get("properties", {}).items()
    )
    return Schema(name, said.get("description", ""), () if fields else tuple(_parts(said)), fields)


def _parts(schema: Mapping[str, Any], otherwise: str = "any value") -> Iterator[Part]:
    """The name of a type in words."""
    match schema:
        case {"$ref": str(ref)}:
            yield Part(ref.removeprefix(_REF), ref.removeprefix(_REF))
        case {"anyOf": choices} | {"oneOf": choices} | {"allOf": choices}:
            for number, choice in enumerate(choices):
                if number:
                    yield Part(" or ")
                yield from _parts(choice)
        case {"enum": values}:
            yield Part(" or ".join(quote(str(value)) for value in values))
        case {"const": value}:
            yield Part(quote(str(value)))
        case {"type": "array", "prefixItems": _}:
            yield Part("list")
        case {"type": "array"}:
            yield Part("list of ")
            yield from _parts(schema.get("items", {}))
        case {"type": "object", "additionalProperties": dict(values)}:
            yield Part("object with ")
            yield from _parts(values)
        case {"type": "string", "format": str(form)}:
            yield Part(f"string ({form})")
        case {"type": "string", "contentMediaType": str(media_type)}:
            yield Part(media_type)
        case {"type": str(name)}:
            yield Part(name)
        case _:
            yield Part(otherwise)
