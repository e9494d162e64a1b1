"""Canonical JSON: one encoding, bounded, and no other exception than ours."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import MalformedRecord
from provenance.limits import MAX_SAFE_INTEGER
from provenance.statement.canonical_json import canonical_json, parse_canonical

LIMIT = 100_000

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.floats(-1e15, 1e15, allow_nan=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | names,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(names, values, max_size=6))
def test_a_value_comes_back_from_its_canonical_bytes(value: dict[str, object]) -> None:
    data = canonical_json(value)  # type: ignore[arg-type]  # hypothesis cannot state the recursive type
    assert parse_canonical(data, limit=LIMIT) == value
    assert canonical_json(parse_canonical(data, limit=LIMIT)) == data


@given(st.binary(max_size=60) | st.text('{}[]",:\\0123456789eE+-.truefalsn ud8', max_size=60).map(str.encode))
def test_arbitrary_bytes_are_refused_or_canonical(data: bytes) -> None:
    try:
        value = parse_canonical(data, limit=LIMIT)
    except MalformedRecord:
        return
    assert canonical_json(value) == data


def test_names_are_sorted_by_utf_16_code_units() -> None:
    expected = '{"\\r":1,"1":2,"\u0080":3,"\u00f6":4,"\u20ac":5,"\U0001f600":6,"\ufb33":7}'  # RFC 8785 §3.2.3
    shuffled = {"\u20ac": 5, "\r": 1, "\ufb33": 7, "1": 2, "\U0001f600": 6, "\u0080": 3, "\u00f6": 4}
    assert canonical_json(shuffled) == expected.encode()


@pytest.mark.parametrize(
    ("number", "text"),
    [(333333333.33333329, b"333333333.3333333"), (1e30, b"1e+30"), (4.50, b"4.5"), (2e-3, b"0.002"), (1e-27, b"1e-27")],
)
def test_numbers_are_printed_as_ecmascript_prints_them(number: float, text: bytes) -> None:
    assert canonical_json(number) == text


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**53, -(2**53), "\ud800", {"\ud800": 1}, {1: 2}, b"bytes", object(), {"a": {1, 2}}],
)
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(MalformedRecord):
        canonical_json(value)  # type: ignore[arg-type]  # that is the point


def test_endless_nesting_is_refused_when_written() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(MalformedRecord):
        canonical_json(value)  # type: ignore[arg-type]  # that is the point


def test_more_bytes_than_the_limit_are_not_looked_at() -> None:
    data = canonical_json({"a": "b"})
    assert parse_canonical(data, limit=len(data)) == {"a": "b"}
    with pytest.raises(MalformedRecord, match="more than"):
        parse_canonical(data, limit=len(data) - 1)


def test_depth_counts_the_outermost_object() -> None:
    data = canonical_json({"a": [[1]], "b": [[2]]})
    assert parse_canonical(data, limit=LIMIT, depth=3)
    with pytest.raises(MalformedRecord, match="2 levels"):
        parse_canonical(data, limit=LIMIT, depth=2)


def test_brackets_inside_strings_do_not_count_as_depth() -> None:
    value = {"a": '[[[["{{{{\\"[[[['}
    assert parse_canonical(canonical_json(value), limit=LIMIT, depth=1) == value


@pytest.mark.parametrize(
    "hostile",
    [b"[" * 65_000, b'{"a":' * 13_000, b'"' + b'\\"' * 32_000, b'"\\' * 32_000, b'["\\u' * 15_000, b"-" * 65_000],
    ids=["arrays", "objects", "escaped quotes", "quote and backslash", "cut escapes", "signs"],
)
def test_hostile_input_costs_no_time_and_no_stack(hostile: bytes) -> None:
    began = time.thread_time()  # of the processor: what else a machine does is not in it
    with pytest.raises(MalformedRecord):
        parse_canonical(hostile, limit=LIMIT)
    assert time.thread_time() - began < 5
