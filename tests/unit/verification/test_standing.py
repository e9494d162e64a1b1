"""Standing: disputes and their answers, in words."""

from dataclasses import replace

import pytest

from provenance.verification.axes import Standing
from provenance.verification.findings import standing
from provenance.verification.registrations import Dispute, DisputeAnswer, KnownRecord
from tests.unit.verification.pictures import MOUNTAINS, photo
from tests.unit.verification.simulator import open_registry

OURS = Dispute(9, "The Rival", "it is ours", (), open=True)
RETRACTED = replace(OURS, answers=(DisputeAnswer("The Rival", "retracted", "another frame"),), open=False)
REJECTED = replace(OURS, answers=(DisputeAnswer("The Daily", "rejected", "see the contact sheet"),))


@pytest.fixture(scope="module")
def known() -> KnownRecord:
    registry = open_registry("daily")
    return registry.known(registry.register("daily", photo(MOUNTAINS)))


def test_a_dispute_is_told_with_both_sides(known: KnownRecord) -> None:
    value, detail = standing.of(replace(known, disputes=(REJECTED,)), {})
    assert value is Standing.DISPUTED
    assert detail == (
        "“The Rival” disputes it, giving as its reason: “it is ours”. "
        "“The Daily” answers that it is rejected: “see the contact sheet”."
    )


def test_only_a_retraction_ends_a_dispute(known: KnownRecord) -> None:
    assert standing.of(replace(known, disputes=(RETRACTED,)), {}) == (
        Standing.CURRENT,
        "The registration stands.",
    )
    assert standing.of(replace(known, disputes=(RETRACTED, OURS)), {})[0] is Standing.DISPUTED


def test_a_withdrawal_is_graver_than_a_dispute_and_both_are_told(known: KnownRecord) -> None:
    value, detail = standing.of(replace(known, withdrawn_reason="wrong place", disputes=(OURS,)), {})
    assert value is Standing.WITHDRAWN
    assert "wrong place" in detail
    assert "it is ours" in detail


def test_a_record_that_stands_in_the_place_of_this_one_is_named(known: KnownRecord) -> None:
    assert standing.of(replace(known, superseded_by=7), {}) == (
        Standing.SUPERSEDED,
        "“The Daily” has superseded it by record 7.",
    )


def test_a_retraction_with_a_compromised_key_is_told_not_to_count(known: KnownRecord) -> None:
    stolen = replace(RETRACTED, answers=(replace(RETRACTED.answers[0], key_compromised=True),), open=True)
    value, detail = standing.of(replace(known, disputes=(stolen,)), {})
    assert value is Standing.DISPUTED
    assert detail.endswith(
        "“The Rival” answers that it is retracted: “another frame”. "
        "That does not count: its key may have been in other hands by then."
    )
