"""Records: what goes in comes out, unknown fields included, and every refusal names its field."""

import base64
import hashlib
import json
import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import MalformedRecord
from provenance.limits import (
    MAX_LINE_CHARACTERS,
    MAX_RECORD_BYTES,
    MAX_SAFE_INTEGER,
    MAX_TEXT_CHARACTERS,
)
from provenance.statement.canonical_json import canonical_json
from provenance.statement.codec import is_visible
from provenance.statement.handover import Handover
from provenance.statement.keys import LocalSigner
from provenance.statement.record import (
    AssetDisputed,
    AssetRegistered,
    AssetRevealed,
    AssetWithdrawn,
    CredentialFacts,
    DisputeAnswered,
    Identity,
    LogFrozen,
    LogGenesis,
    LogKey,
    MediaFacts,
    Parent,
    PublisherKey,
    Record,
    RecordErased,
    SketchFacts,
    VerdictRecorded,
    parse_record,
    record_id,
    record_urn,
    to_canonical,
)
from provenance.vocabulary import DIGITAL_SOURCE_TYPES

CID_V1_RAW_SHA_256 = bytes([0x01, 0x55, 0x12, 0x20])  # version, codec, multihash of 32 bytes

VECTORS = Path(__file__).parents[2] / "vectors" / "statement"
ACCEPTED = json.loads((VECTORS / "records.json").read_text(encoding="utf-8"))
REFUSED = json.loads((VECTORS / "records-refused.json").read_text(encoding="utf-8"))

KEY = LocalSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32)))).public_key
WITHDRAWN = AssetWithdrawn(
    salt=bytes(32),
    claimed_at=datetime(2026, 5, 3, 9, 30, tzinfo=UTC),
    publisher="daily-example",
    record=bytes(range(32)),
    reason="the caption names the wrong person",
)

digests = st.binary(min_size=32, max_size=32)
times = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)).map(  # noqa: DTZ001  # given a zone here
    lambda time: time.replace(microsecond=0, tzinfo=UTC)
)
characters = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t")
lines = st.text(characters, min_size=1, max_size=60).filter(is_visible)
identifiers = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)
publishers = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)
counts = st.integers(1, MAX_SAFE_INTEGER)
unknown = st.dictionaries(
    identifiers.map(lambda name: f"x.{name}"),
    st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | lines, lambda inner: st.lists(inner, max_size=3)),
    max_size=3,
)
media = st.builds(
    MediaFacts,
    digests,
    counts,
    st.sampled_from(["image/jpeg", "image/svg+xml"]),
    counts,
    counts,
    digests,
    st.none() | digests,
    st.none() | identifiers,
    unknown,
)
identities = st.builds(Identity, st.sampled_from(["operator-attested", "domain-verified", "x509"]), lines, unknown)
sketches = st.builds(SketchFacts, digests, identifiers, unknown)
credentials = st.builds(
    CredentialFacts, identifiers, digests, st.booleans(), st.none() | media, st.none() | digests, unknown
)
parents = st.lists(st.builds(Parent, digests, identifiers, unknown), max_size=3).map(tuple)
genesis_records = st.builds(
    LogGenesis,
    digests,
    times,
    identifiers.filter(lambda text: "+" not in text),
    lines,
    st.just(("log.example+0123abcd+AAAA",)),
    st.just((KEY,)),
    unknown,
)
signatures = st.binary(min_size=64, max_size=64)
log_changes = st.builds(
    LogKey,
    digests,
    times,
    st.just(("log.example+0123abcd+AAAA",)),
    st.lists(signatures | st.binary(min_size=2420, max_size=2420), min_size=1, max_size=4).map(tuple),
    st.none() | lines,
    unknown,
)
enrolments = st.builds(
    PublisherKey,
    digests,
    times,
    publishers,
    lines,
    identities,
    st.just("enrol"),
    st.just(KEY),
    st.none() | signatures,
    st.none() | lines,
    extra=unknown,
)
rotations = st.builds(
    replace,
    enrolments,
    action=st.just("rotate"),
    handover=st.none() | st.builds(Handover, st.just(KEY), signatures, unknown),
)
revocations = st.builds(
    replace,
    enrolments,
    action=st.just("revoke"),
    possession=st.none(),
    reason=lines,
    invalid_since=st.none() | times,
)
key_records = enrolments | rotations | revocations
asset_records = st.builds(
    AssetRegistered,
    digests,
    times,
    publishers,
    media,
    st.dictionaries(identifiers, st.text(characters, max_size=20), max_size=3),
    sketches,
    st.none() | credentials,
    parents,
    st.none() | digests,
    st.none() | st.just("sealed"),
    unknown,
    title=st.none() | lines,
    caption=st.none() | lines,
    byline=st.none() | lines,
    credit=st.none() | lines,
    rights=st.none() | lines,
    licence=st.none() | lines,
    digital_source_type=st.none() | st.sampled_from([term.iri for term in DIGITAL_SOURCE_TYPES.values()]),
    captured_at=st.none() | times,
)
withdrawals = st.builds(AssetWithdrawn, digests, times, publishers, digests, lines, unknown)
freezes = st.builds(LogFrozen, digests, times, lines, unknown)
disputes = st.builds(AssetDisputed, digests, times, publishers, digests, lines, st.none() | digests, unknown)
outcomes = st.sampled_from(["accepted", "rejected", "retracted"])
answers = st.builds(DisputeAnswered, digests, times, publishers, digests, outcomes, lines, unknown)
reveals = st.builds(AssetRevealed, digests, times, publishers, digests, unknown)
verdicts = st.builds(
    VerdictRecorded,
    digests,
    times,
    publishers,
    digests,
    digests,
    identifiers,
    st.dictionaries(identifiers, identifiers, max_size=3),
    st.lists(identifiers, max_size=3).map(tuple),
    st.lists(digests, max_size=3).map(tuple),
    unknown,
)
erasures = st.builds(RecordErased, digests, times, digests, lines, unknown)
records = (
    genesis_records
    | log_changes
    | freezes
    | key_records
    | asset_records
    | withdrawals
    | disputes
    | answers
    | reveals
    | verdicts
    | erasures
)


def altered(**changes: Any) -> bytes:
    """Canonical bytes of a withdrawal with some of its JSON changed."""
    return canonical_json(json.loads(to_canonical(WITHDRAWN)) | changes)


@pytest.mark.parametrize("vector", ACCEPTED, ids=itemgetter("name"))
def test_an_accepted_vector_is_read_and_written_unchanged(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["canonical_hex"])
    assert canonical_json(vector["record"]) == data
    assert to_canonical(parse_record(data)) == data
    identity = record_id(data)
    assert identity.hex() == vector["record_id"] == hashlib.sha256(data).hexdigest()
    assert record_urn(identity) == vector["urn"]
    assert base64.b32decode(vector["cid"][1:].upper() + "======") == CID_V1_RAW_SHA_256 + identity


@pytest.mark.parametrize("vector", REFUSED, ids=itemgetter("name"))
def test_a_refused_vector_is_refused_by_the_name_of_its_field(vector: dict[str, Any]) -> None:
    data = vector["data"].encode() if "data" in vector else bytes.fromhex(vector["data_hex"])
    with pytest.raises(MalformedRecord) as refusal:
        parse_record(data)
    if vector["field"] is not None:
        assert str(refusal.value).startswith(f"{vector['field']}: ")


def test_the_canonical_bytes_of_a_record_are_these() -> None:
    assert to_canonical(WITHDRAWN) == (
        b'{"claimed_at":"2026-05-03T09:30:00Z","publisher":"daily-example",'
        b'"reason":"the caption names the wrong person",'
        b'"record":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",'
        b'"salt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","type":"asset.withdrawn","version":1}'
    )


@given(records)
def test_a_record_comes_back_from_its_canonical_bytes(record: Record) -> None:
    data = to_canonical(record)
    assert parse_record(data) == record
    assert to_canonical(parse_record(data)) == data
    assert pickle.loads(pickle.dumps(record)) == record
    assert hash(parse_record(data)) == hash(record)


@given(st.data())
def test_damaged_bytes_are_refused_or_another_record(data: st.DataObject) -> None:
    vector = bytes.fromhex(data.draw(st.sampled_from(ACCEPTED))["canonical_hex"])
    position = data.draw(st.integers(0, len(vector) - 1))
    damaged = data.draw(
        st.sampled_from(
            [
                vector[:position],
                vector + data.draw(st.binary(min_size=1, max_size=4)),
                vector[:position] + bytes([vector[position] ^ data.draw(st.integers(1, 255))]) + vector[position + 1 :],
                vector[:position] + vector[position + 1 :],
            ]
        )
    )
    try:
        record = parse_record(damaged)
    except MalformedRecord:
        return
    assert to_canonical(record) == damaged != vector


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("claimed_at", {"claimed_at": datetime(2026, 5, 3)}),  # noqa: DTZ001  # that is the point
        ("claimed_at", {"claimed_at": datetime(2026, 5, 3, microsecond=1, tzinfo=UTC)}),
        ("salt", {"salt": bytes(31)}),
        ("publisher", {"publisher": "Daily Example"}),
        ("record", {"record": bytes(20)}),
        ("reason", {"reason": ""}),
        ("reason", {"reason": "a\x00b"}),
        ("reason", {"reason": "a" * (MAX_TEXT_CHARACTERS + 1)}),
        ("asset.withdrawn", {"extra": {"reason": "another"}}),
        ("asset.withdrawn", {"extra": {"x": (1, 2)}}),
        ("no canonical JSON", {"extra": {"x": b"bytes"}}),
    ],
)
def test_a_record_that_nobody_could_read_is_not_written(name: str, change: dict[str, Any]) -> None:
    with pytest.raises(MalformedRecord, match=name):
        to_canonical(replace(WITHDRAWN, **change))


def test_a_time_in_another_zone_is_written_in_utc() -> None:
    paris = replace(WITHDRAWN, claimed_at=datetime(2026, 5, 3, 11, 30, tzinfo=timezone(timedelta(hours=2))))
    assert to_canonical(paris) == to_canonical(WITHDRAWN)


def test_a_record_of_the_largest_size_is_read_and_one_byte_more_is_not() -> None:
    rest = MAX_RECORD_BYTES - len(altered(x=""))
    assert len(altered(x="a" * rest)) == MAX_RECORD_BYTES
    assert parse_record(altered(x="a" * rest)).extra == {"x": "a" * rest}
    with pytest.raises(MalformedRecord, match="65536 bytes"):
        parse_record(altered(x="a" * (rest + 1)))


def test_characters_are_counted_as_code_points() -> None:
    trains = replace(WITHDRAWN, reason="🚆" * MAX_TEXT_CHARACTERS)
    assert parse_record(to_canonical(trains)) == trains
    assert MAX_LINE_CHARACTERS < MAX_TEXT_CHARACTERS


def test_two_records_with_the_same_claims_differ_by_their_salt() -> None:
    other = replace(WITHDRAWN, salt=bytes(31) + b"\x01")
    assert record_id(to_canonical(other)) != record_id(to_canonical(WITHDRAWN))


@pytest.mark.parametrize(
    ("established", "start"),
    [
        ("operator-attested", "Attested by the operator"),
        ("domain-verified", "Verified through control of a domain"),
        ("x509", "Named in an X.509 certificate"),
    ],
)
def test_an_identity_says_by_whom_and_how_it_was_established(established: Any, start: str) -> None:
    sentence = Identity(established, "example.org, DNS TXT record").sentence()
    assert sentence.startswith(start)
    assert sentence.endswith("“example.org, DNS TXT record”.")


UNSEEN = ["\u200b", "\u202e\u200f\u2066", " \t\n", "\ufeff\u2060", "\u3164", "\u2800", "\u00ad\ufe0f", "\U000e0041"]
UNSEEN += ["\ufffe", "\uffff", "\ue000\uf8ff", "\U000f0000", "\u0378", "\U0010ffff", "\U000e0100", "\u17b4\u034f"]


@pytest.mark.parametrize("text", UNSEEN)
def test_a_text_of_which_nothing_is_visible_is_not_stated_and_is_read_where_it_was_logged(text: str) -> None:
    with pytest.raises(MalformedRecord, match=r"reason: no character of this text is visible"):
        to_canonical(replace(WITHDRAWN, reason=text))
    known = json.loads(to_canonical(WITHDRAWN)) | {"reason": text}
    assert parse_record(canonical_json(known)) == replace(WITHDRAWN, reason=text)


@pytest.mark.parametrize("text", ["ا\u200fب", "👩\u200d🚀", "\u200ba", "é", "\u0301"])
def test_zero_width_and_direction_controls_beside_what_is_visible_are_stated(text: str) -> None:
    assert parse_record(to_canonical(replace(WITHDRAWN, reason=text))) == replace(WITHDRAWN, reason=text)
