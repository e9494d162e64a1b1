"""Standing: what has become of a record in words, and whose word that is."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from provenance.statement.record import PublisherKey
from provenance.verification.axes import Basis, Standing
from provenance.verification.evidence import Evidence, Match
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


@pytest.mark.parametrize(("apart", "side"), [(-1, "before"), (0, "before"), (1, "after")])
def test_since_when_a_revoked_key_may_have_been_in_other_hands_is_told(
    known: KnownRecord, apart: int, side: str
) -> None:
    revocation = cast(PublisherKey, SimpleNamespace(reason="stolen"))
    since = known.logged_at + timedelta(minutes=apart)
    revoked = replace(known, key_revoked_at_index=known.index + 1, revocation=revocation)
    said = "The key that signed it was revoked after it was logged, for this reason: “stolen”."
    assert standing.of(revoked, {})[1] == said
    assert standing.of(replace(revoked, invalid_since=since), {})[1] == (
        f"{said} It may have been in other hands since {since:%Y-%m-%d %H:%M} UTC, {side} this was logged."
    )


def test_rival_claims_to_another_picture_are_none_to_this_record(known: KnownRecord) -> None:
    rivals = {bytes(32): "daily", bytes([1]) * 32: "weekly"}
    assert standing.of(known, rivals)[0] is Standing.CURRENT
    assert standing.of(known, rivals | {known.record_id: "daily"})[0] is Standing.CONFLICTING_CLAIMS


UNSHOWN = "The registry: the receipt does not show it yet."


def found(match: Match, **changes: Any) -> Basis:
    evidence = cast(Evidence, SimpleNamespace(matches=(replace(match, **changes),)))
    (finding,) = standing.assess(evidence)
    assert (finding.basis is Basis.CRYPTOGRAPHIC) == (finding.could_be_forged_by != UNSHOWN)
    return finding.basis


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Standing.WITHDRAWN, {"withdrawn": True}),
        (Standing.DISPUTED, {"disputed": True}),
        (Standing.SUPERSEDED, {"superseded_by": 7}),
    ],
)
def test_what_the_receipt_does_not_show_is_the_registrys_word(value: Standing, shown: dict[str, Any]) -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    (match,) = registry.verify(photo(MOUNTAINS)).matches
    assert match.receipt is not None
    receipt = replace(match.receipt, withdrawn=False, disputed=False, superseded_by=None)
    assert found(match, standing=value, receipt=replace(receipt, **shown)) is Basis.CRYPTOGRAPHIC
    assert found(match, standing=value, receipt=receipt) is Basis.DETERMINISTIC_UNSIGNED
    assert found(match, standing=value, receipt=None) is Basis.DETERMINISTIC_UNSIGNED


@pytest.mark.parametrize(
    "value", [Standing.CONFLICTING_CLAIMS, Standing.KEY_REVOKED_BEFORE, Standing.KEY_REVOKED_AFTER]
)
def test_what_the_log_itself_shows_is_proven(value: Standing) -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    (match,) = registry.verify(photo(MOUNTAINS)).matches
    assert found(match, standing=value) is Basis.CRYPTOGRAPHIC
    assert not standing.assess(cast(Evidence, SimpleNamespace(matches=(match,))))  # it simply stands
