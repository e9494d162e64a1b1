"""Chains: every way from a picture to its origins is proven, or the link where it ends is named."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import CountermarkError, MalformedReceipt
from provenance.limits import MAX_PARENTS, MAX_RECEIPT_RECORDS
from provenance.receipts.origins import Chain
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.receipts.report import ReceiptReport
from provenance.transparency.timestamp import TimestampAuthority
from tests.logs.logbook import Logbook
from tests.logs.records import KEY, START, digest
from tests.stamper import Stamper

ORIGINS = 11


def states(chain: Chain | None) -> dict[tuple[bytes, bytes], str]:
    assert chain is not None
    return {(link.child, link.parent): link.state for link in chain.links}


def outcome(report: ReceiptReport) -> str:
    return report.steps[ORIGINS - 1].outcome


@pytest.fixture
def log() -> Logbook:
    return Logbook()


def test_a_picture_that_names_nothing_is_its_own_origin(log: Logbook) -> None:
    report = log.verify(log.register("raw"))
    assert (report.holds, outcome(report), states(report.chain)) == (True, "holds", {})


def test_every_link_to_the_origins_is_proven(log: Logbook) -> None:
    raw = log.register("raw")
    other = log.register("other", publisher="rival")
    collage = log.register("collage", [raw, other])
    small = log.register("small", rendition_of=collage)
    report = log.verify(small, [raw, other, collage])
    assert report.holds
    assert outcome(report) == "holds"
    assert report.chain is not None
    assert [(link.parent, link.relation, link.state) for link in report.chain.links] == [
        (collage, "renditionOf", "proven"),
        (raw, "parentOf", "proven"),
        (other, "parentOf", "proven"),
    ]


def test_a_record_that_was_not_handed_in_ends_the_chain_there(log: Logbook) -> None:
    raw = log.register("raw")
    middle = log.register("middle", [raw])
    top = log.register("top", [middle])
    report = log.verify(top, [middle])
    assert report.holds
    assert outcome(report) == "not checked"
    assert states(report.chain) == {(top, middle): "proven", (middle, raw): "missing"}
    assert raw.hex()[:16] in report.steps[ORIGINS - 1].detail


def test_a_withheld_record_is_named_and_what_it_was_made_from_is_not_looked_for(log: Logbook) -> None:
    raw = log.register("raw")
    middle = log.register("middle", [raw])
    top = log.register("top", [middle])
    report = log.verify(top, [raw, middle], withhold=[middle])
    assert report.holds
    assert (outcome(report), states(report.chain)) == ("not checked", {(top, middle): "withheld"})
    assert "sealed or erased" in report.steps[ORIGINS - 1].detail
    erased = log.erase(middle)
    detail = log.verify(top, [middle, erased], withhold=[middle]).steps[ORIGINS - 1].detail
    assert "its content is erased" in detail


@pytest.mark.parametrize("how", ["signed by another", "key revoked", "another type", "logged later"])
def test_a_broken_link_is_named_and_all_behind_it_is_unproven(log: Logbook, how: str) -> None:
    raw = log.register("raw", publisher="rival")
    match how:
        case "signed by another":
            middle = log.register("middle", [raw], publisher="rival", by="daily")
        case "key revoked":
            log.state_key("rival", "revoke")
            middle = log.register("middle", [raw], publisher="rival")
        case "another type":
            middle = log.dispute(raw)
        case _:
            middle = replace(log).register("middle", [raw])
    top = log.register("top", [middle])
    if how == "logged later":
        log.register("middle", [raw])
    report = log.verify(top, [raw, middle])
    assert not report.holds
    assert outcome(report) == "fails"
    detail = report.steps[ORIGINS - 1].detail
    assert middle.hex()[:16] in detail
    found = states(report.chain)
    assert found.pop((top, middle)) == "broken"
    assert found == ({} if how == "another type" else {(middle, raw): "unproven"})


def test_a_record_that_a_sound_way_leads_to_is_proven_whatever_other_ways_are(log: Logbook) -> None:
    raw = log.register("raw")
    forged = log.register("forged", [raw], publisher="rival", by="daily")
    sound = log.register("sound", [raw])
    top = log.register("top", [forged, sound])
    assert states(log.verify(top, [raw, forged, sound]).chain) == {
        (top, forged): "broken",
        (top, sound): "proven",
        (sound, raw): "proven",
        (forged, raw): "unproven",
    }


def test_a_dispute_stands_until_the_one_who_raised_it_retracts_it(log: Logbook) -> None:
    asset = log.register("asset")
    dispute = log.dispute(asset)
    rejected = log.answer(dispute, "rejected", publisher="daily")
    forged = log.answer(dispute, "retracted", publisher="daily")
    assert not log.verify(asset).disputed
    assert log.verify(asset, [dispute, rejected, forged]).disputed
    retracted = log.answer(dispute, "retracted", publisher="rival")
    report = log.verify(asset, [dispute, rejected, retracted])
    assert report.holds
    assert not report.disputed


def test_a_time_stamp_shows_nothing_of_what_was_logged_behind_the_stamped_tree(log: Logbook) -> None:
    """A retraction counts that was made before the key may have been in other hands, which only a time stamp shows."""
    asset = log.register("asset")
    dispute = log.dispute(asset)
    retracted = log.answer(dispute, "retracted", publisher="rival")
    log.state_key("rival", "revoke", invalid_since=START + timedelta(hours=1))
    receipt, place = log.receipt(asset, [dispute, retracted]), log.index(retracted)
    stamper = Stamper("tsa")
    authority = TimestampAuthority.from_pem("tsa", stamper.pem.encode())
    for size, disputed in ((place, None), (place + 1, False)):
        stamped = replace(receipt, stamp=log.stamp(log.index(asset), size, stamper))
        report = verify_receipt(Receipt.parse(stamped.serialise()), trusted_keys=[KEY], authorities=[authority])
        assert (report.steps[9].outcome, report.disputed) == ("holds", disputed)


def test_a_publisher_cannot_dispute_its_own_registration(log: Logbook) -> None:
    asset = log.register("asset")
    assert not log.verify(asset, [log.dispute(asset, publisher="daily")]).disputed


def test_an_erasure_counts_only_by_the_operator(log: Logbook) -> None:
    raw = log.register("raw")
    report = log.verify(log.erase(raw), [raw], withhold=[raw])
    assert report.holds
    assert report.signer is None


def test_a_chain_as_wide_and_as_deep_as_is_allowed_is_walked_whole(log: Logbook) -> None:
    below: list[bytes] = []
    for number in range(MAX_RECEIPT_RECORDS):
        below.append(log.register(f"picture {number}", below[-MAX_PARENTS:]))
    top = log.register("top", below)
    report = log.verify(top, below)
    assert report.holds
    assert report.chain is not None
    assert len(report.chain.links) == MAX_RECEIPT_RECORDS * (MAX_RECEIPT_RECORDS + 1) // 2
    assert report.chain.complete
    with pytest.raises(MalformedReceipt, match="at most 64"):
        log.verify(log.register("above", [top]), [*below, top])


# Any derivation: number i names some of the numbers before it.
derivations = st.lists(st.sets(st.integers(0, 8), max_size=3), min_size=1, max_size=9).map(
    lambda drawn: [{parent for parent in parents if parent < number} for number, parents in enumerate(drawn)]
)


def built(derivation: list[set[int]]) -> tuple[Logbook, list[bytes]]:
    log, made = Logbook(), list[bytes]()
    for number, parents in enumerate(derivation):
        made.append(log.register(f"picture {number}", [made[parent] for parent in sorted(parents)]))
    return log, made


def ancestors(derivation: list[set[int]], number: int, through: Callable[[int], bool]) -> set[tuple[int, int]]:
    """The links that lead from a picture to its origins, each number's parents only where `through` lets pass."""
    found: set[tuple[int, int]] = set()
    waiting, seen = [number], {number}
    while waiting:
        child = waiting.pop()
        for parent in derivation[child]:
            found.add((child, parent))
            if through(parent) and parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return found


@given(derivations, st.data())
@settings(max_examples=40)
def test_exactly_the_links_to_the_origins_are_found_whatever_is_left_out(
    derivation: list[set[int]], data: st.DataObject
) -> None:
    log, made = built(derivation)
    number = len(made) - 1
    kept = data.draw(st.sets(st.integers(0, number - 1)) if number else st.just(set()))
    withheld = data.draw(st.sets(st.sampled_from(sorted(kept))) if kept else st.just(set()))
    report = log.verify(made[number], [made[each] for each in kept], withhold=[made[each] for each in withheld])
    expected = {
        (made[child], made[parent]): "missing" if parent not in kept else "withheld" if parent in withheld else "proven"
        for child, parent in ancestors(derivation, number, lambda each: each in kept - withheld)
    }
    assert states(report.chain) == expected
    assert report.holds
    assert outcome(report) == ("holds" if set(expected.values()) <= {"proven"} else "not checked")


@given(derivations, st.data())
@settings(max_examples=40)
def test_a_receipt_with_a_chain_comes_back_from_its_bytes_and_no_other_bytes_hold(
    derivation: list[set[int]], data: st.DataObject
) -> None:
    log, made = built(derivation)
    receipt = log.receipt(made[-1], made[:-1])
    written = receipt.serialise()
    assert Receipt.parse(written) == receipt
    at = data.draw(st.integers(0, len(written) - 1))
    changed = written[:at] + bytes([written[at] ^ data.draw(st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128]))])
    changed += written[at + 1 :]
    try:
        report = verify_receipt(Receipt.parse(changed), trusted_keys=[KEY])
    except CountermarkError:
        return
    assert not (report.holds and report.log_key_pinned), f"byte {at} may be another"


def test_a_chain_says_in_words_where_it_ends(log: Logbook) -> None:
    missing = digest("nowhere")
    report = log.verify(log.register("top", [missing]))
    assert report.chain is not None
    assert report.chain.describe() == (
        f"record {missing.hex()[:16]}… (parentOf): its record was not handed in; all that it was made from is unproven"
    )
