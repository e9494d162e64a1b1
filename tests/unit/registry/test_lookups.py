"""Lookups of many files lead to the same records as a verification of each by its digests, standing for standing."""

import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageDraw

from provenance import answers
from provenance.limits import MAX_LOOKUP_MATCHES
from provenance.media.fingerprints import fingerprint
from provenance.media.media import Media
from provenance.statement.keys import Algorithm
from provenance.statement.record import SUPERSEDES, Parent
from provenance.transparency.checkpoint import stated_size
from registry.registry import Registry
from registry.usecases import disputes
from registry.usecases import lookups as bulk
from registry.usecases import read as catalogue
from registry.usecases.erasure import erase
from registry.usecases.lookups import Digests, look_up
from registry.usecases.publishers import enrol_publisher, revoke_key
from registry.usecases.register import withdraw
from registry.usecases.sealing import reveal
from registry.usecases.verify import verify_digests
from tests.patience import eventually
from tests.unit.registry.desk import DAILY, OF_DAILY, RIVAL, jpeg, open_desk, register


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with open_desk(tmp_path_factory.mktemp("desk") / "data") as registry:
        yield registry


def made(registry: Registry, data: bytes, **how: Any) -> bytes:
    return bytes.fromhex(register(registry, data, **how).asset.id)


def digests(data: bytes) -> Digests:
    prints = fingerprint(Media.from_bytes(data))
    return Digests(prints.sha256, prints.pixels_sha256, prints.pdq, prints.pdq_quality, prints.phash)


def find(registry: Registry, *asked: Digests | bytes) -> tuple[answers.Lookup, ...]:
    """What digests lead to, or the SHA-256 of files."""
    named = [each if isinstance(each, Digests) else Digests(hashlib.sha256(each).digest()) for each in asked]
    return look_up(registry, named).items


def standing(registry: Registry, data: bytes) -> str:
    """The same by a lookup and by a verification."""
    report = json.loads(verify_digests(registry, sha256=hashlib.sha256(data).digest()))
    (found,) = find(registry, data)
    assert [(each.record, each.standing) for each in found.matches] == [
        (each["asset"]["id"], each["standing"]["value"]) for each in report["matches"]
    ]
    return found.matches[0].standing


def as_png(data: bytes) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).save(file, "PNG")
    return file.getvalue()


def recompressed(data: bytes) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).save(file, "JPEG", quality=40)
    return file.getvalue()


def test_many_files_are_answered_in_order_under_the_checkpoint_that_covers_them(registry: Registry) -> None:
    records = [made(registry, jpeg(seed)) for seed in (1, 2)]
    lookups = look_up(registry, [Digests(hashlib.sha256(each).digest()) for each in (jpeg(2), b"?", jpeg(1), jpeg(2))])
    assert [[match.record for match in each.matches] for each in lookups.items] == [
        [records[1].hex()],
        [],
        [records[0].hex()],
        [records[1].hex()],
    ]
    match = lookups.items[2].matches[0]
    assert (match.basis, match.standing, match.publisher, match.distance) == ("bytes", "current", DAILY, None)
    assert match.index < stated_size(lookups.checkpoint.encode())
    assert lookups.items[1].sha256 == hashlib.sha256(b"?").hexdigest()


def test_original_signed_copy_and_equal_pixels_lead_to_the_record_and_a_near_fingerprint_is_a_lead(
    registry: Registry,
) -> None:
    original = jpeg(11)
    record = made(registry, original, credential="embedded")
    signed = catalogue.credentialed(registry, record)[0]
    found = find(registry, signed, digests(as_png(original)), digests(recompressed(original)))
    assert [[(each.record, each.basis) for each in item.matches] for item in found] == [
        [(record.hex(), "bytes")],
        [(record.hex(), "pixels")],
        [(record.hex(), "pdq")],
    ]
    assert 0 <= (found[2].matches[0].distance or 0) <= 31
    copy = digests(recompressed(original))
    (by_phash,) = find(registry, Digests(copy.sha256, phash=copy.phash))
    assert [(each.record, each.basis) for each in by_phash.matches] == [(record.hex(), "phash")]
    assert 0 <= (by_phash.matches[0].distance or 0) <= 8


@pytest.mark.parametrize(("bits", "leads"), [(8, True), (9, False)])
def test_a_phash_leads_within_eight_bits_and_no_further(registry: Registry, bits: int, leads: bool) -> None:
    record = made(registry, jpeg(21))
    own = digests(jpeg(21)).phash
    assert own is not None
    other = (int.from_bytes(own) ^ (1 << bits) - 1).to_bytes(8)
    (found,) = find(registry, Digests(bytes(32), phash=other))
    assert (
        (record.hex(), "phash", bits) in [(each.record, each.basis, each.distance) for each in found.matches]
    ) == leads


def test_a_picture_that_is_too_plain_to_be_searched_for_gives_no_lead(registry: Registry) -> None:
    made(registry, jpeg(12))
    copy = digests(recompressed(jpeg(12)))
    (found,) = find(registry, Digests(copy.sha256, pdq=copy.pdq, pdq_quality=49, phash=copy.phash))
    assert found.matches == ()


def test_a_record_stands_in_a_lookup_as_it_stands_in_a_report(registry: Registry) -> None:
    enrol_publisher(registry, publisher="stringer", name="The Stringer", algorithm=Algorithm.ED25519)
    withdrawn, disputed = made(registry, jpeg(21)), made(registry, jpeg(22))
    superseded = made(registry, jpeg(23))
    made(registry, jpeg(24), parents=(Parent(superseded, SUPERSEDES),))
    made(registry, jpeg(25), publisher="stringer")
    made(registry, jpeg(26))
    made(registry, jpeg(26), publisher=RIVAL)
    for seed in range(21, 26):
        assert standing(registry, jpeg(seed)) == ("superseded" if seed == 23 else "current")
    withdraw(registry, publisher=DAILY, record=withdrawn, reason="staged")
    dispute = disputes.dispute(registry, publisher=RIVAL, record=disputed, reason="ours", counterclaim=None)
    key = catalogue.publisher_keys(registry, "stringer")[-1].thumbprint
    revoke_key(registry, publisher="stringer", thumbprint=bytes.fromhex(key), reason="stolen")
    assert [standing(registry, jpeg(seed)) for seed in range(21, 27)] == [
        *("withdrawn", "disputed", "superseded", "current", "key revoked after logging", "conflicting claims")
    ]
    withdraw(registry, publisher=DAILY, record=superseded, reason="wrong")
    assert standing(registry, jpeg(23)) == "withdrawn"  # the gravest
    disputes.answer(registry, publisher=RIVAL, dispute=bytes.fromhex(dispute.id), outcome="retracted", reason="no")
    assert standing(registry, jpeg(22)) == "current"


def test_the_many_registrations_of_one_publisher_hide_nobody_elses(registry: Registry) -> None:
    for number in range(MAX_LOOKUP_MATCHES + 1):
        made(registry, jpeg(31), title=f"Flood, {number}")
    rival = made(registry, jpeg(31), publisher=RIVAL)
    (found,) = find(registry, jpeg(31))
    assert len(found.matches) == MAX_LOOKUP_MATCHES
    assert found.more
    assert rival.hex() in [each.record for each in found.matches]
    assert {each.standing for each in found.matches} == {"conflicting claims"}


def test_sealed_and_erased_registrations_lead_nowhere_by_any_digest(registry: Registry) -> None:
    sealed, erased = made(registry, jpeg(41), visibility="sealed"), made(registry, jpeg(42))
    asked = [digests(jpeg(41)), digests(recompressed(jpeg(41))), digests(as_png(jpeg(42)))]
    assert [bool(each.matches) for each in find(registry, *asked, digests(recompressed(jpeg(42))))] == [
        *(False, False, True, True)
    ]
    erase(registry, record=erased, reason="by order")
    assert not any(each.matches for each in find(registry, *asked, digests(recompressed(jpeg(42)))))
    reveal(registry, record=sealed, reader=OF_DAILY)
    assert [each.record for item in find(registry, *asked[:2]) for each in item.matches] == [sealed.hex()] * 2


def test_what_is_logged_and_not_published_yet_is_not_spoken_of(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = registry.sequencer.checkpoint()
    made(registry, jpeg(51))
    copy = digests(recompressed(jpeg(51)))
    assert all(each.matches for each in find(registry, jpeg(51), copy))
    sha256 = hashlib.sha256(jpeg(51)).hexdigest()
    assert sha256 in {each.sha256 for each in bulk.list_bucket(registry, "").items}
    monkeypatch.setattr(bulk, "stated_size", lambda _: stated_size(before))
    assert not any(each.matches for each in find(registry, jpeg(51), copy))
    assert sha256 not in {each.sha256 for each in bulk.list_bucket(registry, "").items}


def test_a_list_is_cut_by_no_file_that_is_not_published_yet(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(registry, jpeg(52))
    published, before = bulk.list_bucket(registry, ""), registry.sequencer.checkpoint()
    for seed in range(53, 58):  # of which some come before what is published, by their digests
        made(registry, jpeg(seed))
    monkeypatch.setattr(bulk, "stated_size", lambda _: stated_size(before))
    monkeypatch.setattr(bulk, "MAX_BUCKET_DIGESTS", len(published.items))
    later = bulk.list_bucket(registry, "")
    assert [each.sha256 for each in later.items] == [each.sha256 for each in published.items]
    assert later.complete


@pytest.mark.timing
def test_an_exact_match_does_not_hide_an_older_picture_of_somebody_else(tmp_path: Any) -> None:
    changed = Image.open(io.BytesIO(jpeg(1)))
    ImageDraw.Draw(changed).rectangle((120, 80, 190, 150), fill=(128, 128, 128))
    file = io.BytesIO()
    changed.save(file, "JPEG", quality=90)
    tampered = file.getvalue()
    with open_desk(tmp_path, compares=True) as registry:
        older = made(registry, jpeg(1), publisher=RIVAL)
        made(registry, tampered)
        eventually(lambda: all(match.compared for item in find(registry, jpeg(1), tampered) for match in item.matches))
        first, second = find(registry, jpeg(1), tampered)
        report = json.loads(verify_digests(registry, sha256=hashlib.sha256(tampered).digest()))
        assert report["headline"]["code"] == "OLDER_REGISTRATION_DIFFERS"
        assert (first.matches[0].older, second.matches[0].older) == (None, older.hex())
        withdraw(registry, publisher=RIVAL, record=older, reason="staged")
        assert find(registry, tampered)[0].matches[0].older is None


def test_a_registration_that_waits_to_be_compared_says_so(registry: Registry) -> None:
    made(registry, jpeg(61))
    assert [each.compared for each in find(registry, jpeg(61))[0].matches] == [False]
