"""Canonical JSON: one sequence of bytes for each value.

RFC 8785 (JSON Canonicalization Scheme) on top of I-JSON (RFC 7493): object keys sorted by UTF-16 code units, no
white space, numbers as ECMAScript prints them, no integer beyond 2^53 - 1, no lone surrogate.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias

import rfc8785

from provenance.errors import MalformedRecord
from provenance.limits import MAX_RECORD_DEPTH

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

# A string, closed or not, is one token, so that brackets inside it do not count and the scan stays linear.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def canonical_json(value: Json) -> bytes:
    """The RFC 8785 encoding of a value made of dict, list, tuple, str, int, float, bool and None.

    Raises:
        MalformedRecord: another type, a key that is no string, NaN or infinity, an integer beyond 2^53 - 1, a lone
            surrogate, or nesting too deep for Python's stack.
    """
    try:
        return rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:
        raise MalformedRecord(f"has no canonical JSON: {error}") from error


def parse_canonical(data: bytes, *, limit: int, depth: int = MAX_RECORD_DEPTH) -> dict[str, Json]:
    """The JSON object that has exactly these canonical bytes.

    Args:
        data: as received.
        limit: the most bytes that are looked at.
        depth: the most levels of objects and arrays, the outermost included.

    Raises:
        MalformedRecord: too long, too deep, not JSON, not an object, a name given twice, or any other encoding than
            the canonical one.
    """
    if len(data) > limit:
        raise MalformedRecord(f"has {len(data)} bytes, more than {limit}")
    _bound_depth(data, depth)
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object_without_duplicates, parse_constant=_refuse_constant
        )
    except ValueError as error:
        raise MalformedRecord(f"is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise MalformedRecord("is not a JSON object")
    if canonical_json(value) != data:
        raise MalformedRecord("is not in canonical form (RFC 8785)")
    return value


def _bound_depth(data: bytes, depth: int) -> None:
    """Counts brackets before the recursive parser sees them."""
    level = 0
    for token in _TOKEN.finditer(data):
        match data[token.start()]:
            case 0x5B | 0x7B:  # [ {
                level += 1
                if level > depth:
                    raise MalformedRecord(f"is nested more than {depth} levels deep")
            case 0x5D | 0x7D:  # ] }
                level -= 1


def _object_without_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members: dict[str, Json] = {}
    for name, value in pairs:
        if name in members:
            raise MalformedRecord(f"{name}: given twice in one object")
        members[name] = value
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedRecord(f"{name} is not JSON")
