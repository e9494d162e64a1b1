"""Receipts as bytes: what parses, comes back as it went, and is bounded."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import MalformedReceipt
from provenance.limits import MAX_RECEIPT_BYTES, MAX_RECEIPT_RECORDS
from provenance.receipts.receipt import Receipt
from provenance.statement.record import record_id
from tests.receipt_vectors import CASES, RECEIPT, receipt_of

STAMPED = receipt_of(CASES["time stamp: of an earlier tree"])


@pytest.mark.parametrize("case", [case for case in CASES.values() if case["fails"] == 1], ids=lambda c: c["name"])
def test_a_malformed_receipt_does_not_parse(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedReceipt):
        Receipt.parse(receipt_of(case))


@pytest.mark.parametrize("case", [case for case in CASES.values() if case["fails"] != 1], ids=lambda c: c["name"])
def test_a_receipt_comes_back_as_it_went(case: dict[str, Any]) -> None:
    data = receipt_of(case)
    assert Receipt.parse(data).serialise() == data


def test_the_record_is_recovered_byte_for_byte() -> None:
    receipt = Receipt.parse(RECEIPT)
    assert receipt.subject.record is not None
    assert receipt.subject.parsed_statement.record_id == record_id(receipt.subject.record)


def test_a_receipt_has_at_most_64_records_in_its_chain_and_keys() -> None:
    receipt = Receipt.parse(RECEIPT)
    many = [
        replace(receipt.keys[0], proof=replace(receipt.keys[0].proof, index=index))
        for index in range(MAX_RECEIPT_RECORDS + 1)
    ]
    assert len(Receipt.parse(replace(receipt, keys=tuple(many[1:])).serialise()).keys) == MAX_RECEIPT_RECORDS
    with pytest.raises(MalformedReceipt):
        replace(receipt, keys=tuple(many)).serialise()
    with pytest.raises(MalformedReceipt):
        replace(receipt, chain=tuple(many)).serialise()
    data = json.loads(RECEIPT)
    data["keys"] *= MAX_RECEIPT_RECORDS + 1
    with pytest.raises(MalformedReceipt, match="at most"):
        Receipt.parse(json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode())


def test_a_receipt_is_bounded_before_it_is_read() -> None:
    with pytest.raises(MalformedReceipt, match="bytes"):
        Receipt.parse(b" " * (MAX_RECEIPT_BYTES + 1))


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_a_consistency_proof_comes_back_as_it_went(hashes: list[bytes]) -> None:
    receipt = Receipt.parse(STAMPED)
    assert receipt.stamp is not None
    receipt = replace(receipt, stamp=replace(receipt.stamp, consistency=tuple(hashes)))
    assert Receipt.parse(receipt.serialise()) == receipt


@given(st.binary(max_size=300))
def test_any_bytes_are_a_receipt_or_refused(data: bytes) -> None:
    with pytest.raises(MalformedReceipt):
        Receipt.parse(data)
