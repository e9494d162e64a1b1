"""A registry in memory, built of the parts that real ones are built of: the stories of the tests happen here.

Publishers enrol, register, withdraw, change and lose keys; a reader verifies. The log, its signatures, receipts,
fingerprints, sketches and comparisons are real ones. What may go wrong with a store can be made to go wrong.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from provenance.credentials.trust import TrustSettings
from provenance.errors import CountermarkError, StoreCorrupt
from provenance.media.appearance import Appearance, digest_appearance, read_appearance
from provenance.media.comparison import Box, Comparison, Query
from provenance.media.comparison.geometry import Crop, extract_sift
from provenance.media.fingerprints import Fingerprints, fingerprint
from provenance.media.local_features import MAX_FEATURES, MAX_QUERY_FEATURES, LocalFeatures, as_codes, describe
from provenance.media.media import Media, Pixels
from provenance.media.parts import crop_parts
from provenance.media.sketch import SKETCH_VERSION, Sketch, draw_sketch, draw_thumbnail
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.statement.appearance_digest import COLOURS, SHOWN_METHOD
from provenance.statement.keys import LocalSigner
from provenance.statement.record import (
    AssetRegistered,
    AssetWithdrawn,
    CredentialFacts,
    MediaFacts,
    Parent,
    Record,
    SketchFacts,
    record_id,
)
from provenance.statement.record.keys import KeyAction
from provenance.transparency.note import VerifierKey
from provenance.verification import Verdict, examine, verify_digests, verify_file
from provenance.verification.evidence import Publisher, Resembling, Subject
from provenance.verification.findings import standing
from provenance.verification.procedure import compare_reference
from provenance.verification.registrations import Candidate, KnownRecord, Proposed, Reference, in_turns
from registry.search.voting import MAX_APART
from tests.hamming import hamming
from tests.logs.log import Log
from tests.logs.records import (
    ATTESTED,
    KEY,
    OPERATOR,
    START,
    WITNESS,
    WITNESS_KEY,
    digest,
    genesis,
    publisher_key,
    signer,
)

NOBODY = TrustSettings(())


@dataclass
class PublishersKey:
    """A key a publisher has had, and the entries that began and ended it."""

    signer: LocalSigner
    enrolled: int
    ended: int | None = None
    revoked: bool = False


STORED: dict[bytes, bytes] = {}
"""Stored pictures of all simulated registries, by their SHA-256."""


@dataclass
class Simulator:
    """A registry with one log.

    `witnessed`: a witness whom the reader knows cosigns its checkpoints. `reach`: how many bits of 256 may lie between
    the fingerprints of a picture and of a candidate. `left_out`: what a search by local features says it left out.
    """

    witnessed: bool = False
    trust: TrustSettings = NOBODY
    log: Log = field(default_factory=Log)
    published: Log = field(default_factory=Log)
    stated: list[Record] = field(default_factory=list)
    keys: dict[str, list[PublishersKey]] = field(default_factory=dict)
    prints: dict[bytes, Fingerprints] = field(default_factory=dict)
    sketches: dict[bytes, bytes] = field(default_factory=dict)
    thumbnails: dict[bytes, bytes] = field(default_factory=dict)
    features: dict[bytes, bytes] = field(default_factory=dict)
    originals: dict[bytes, bytes] = field(default_factory=dict)
    misled: dict[bytes, bytes] = field(default_factory=dict)
    reach: int = 31
    left_out: str | None = None
    lost: set[bytes] = field(default_factory=set)
    mixed_up: dict[bytes, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    resembled: dict[bytes, Resembling] = field(default_factory=dict)
    reader_trusts: tuple[VerifierKey, ...] = (KEY, WITNESS_KEY)

    def __post_init__(self) -> None:
        if self.witnessed:
            self.log = Log(witnesses=((WITNESS_KEY, WITNESS),))
        self._append(genesis(), OPERATOR)

    # What publishers do

    def enrol(self, publisher: str) -> None:
        key = signer(f"{publisher} 1")
        index = self._state_key("enrol", publisher, key)
        self.keys[publisher] = [PublishersKey(key, index)]

    def rotate(self, publisher: str) -> None:
        key = signer(f"{publisher} {len(self.keys[publisher]) + 1}")
        index = self._state_key("rotate", publisher, key, self.keys[publisher][-1].signer)
        self.keys[publisher][-1].ended = index
        self.keys[publisher].append(PublishersKey(key, index))

    def revoke(self, publisher: str) -> None:
        key = self.keys[publisher][-1]
        key.ended, key.revoked = self._state_key("revoke", publisher, key.signer), True

    def register(
        self,
        publisher: str,
        data: bytes,
        *,
        signed: bytes | None = None,
        parents: Sequence[bytes] = (),
        rendition_of: bytes | None = None,
        source_type: str | None = None,
        publish: bool = True,
        shown: str | None = SHOWN_METHOD,
    ) -> bytes:
        """Register a file and, where there is one, its credentialed copy. Returns the record's id.

        `shown`: the method of the appearance digest in the record; None of one from before there was any.
        """
        drawn = draw(data)
        record = AssetRegistered(
            digest(f"asset {self.log.size}"),
            START,
            publisher,
            drawn.facts(shown),
            drawn.prints.to_json(),
            SketchFacts(drawn.sketch.sha256, SKETCH_VERSION),
            None if signed is None else _credential(signed),
            digital_source_type=source_type,
            parents=tuple(Parent(parent, "parentOf") for parent in parents),
            rendition_of=rendition_of,
        )
        index = self._append(record, self.keys[publisher][-1].signer, publish=publish)
        identity = record_id(self.log.records[index])
        self.prints[identity], self.sketches[identity] = drawn.prints, drawn.sketch.data
        self.thumbnails[identity], self.features[identity] = drawn.thumbnail, drawn.features
        if signed is not None:
            self.originals[identity] = hashlib.sha256(signed).digest()
            STORED[self.originals[identity]] = signed
        return identity

    def withdraw(self, publisher: str, target: bytes, reason: str) -> None:
        record = AssetWithdrawn(digest(f"withdrawal {self.log.size}"), START, publisher, target, reason)
        self._append(record, self.keys[publisher][-1].signer)

    # What a reader does

    def verify(self, data: bytes) -> Verdict:
        return verify_file(examine(data, self.trust, now=datetime.now(UTC)), self, Eyes(data))

    def verify_known_bytes(self, data: bytes) -> Verdict:
        """As a registry does it that looks the bytes up first, and does not decode a file that it knows."""
        return verify_file(examine(data, self.trust, now=datetime.now(UTC), pixels=False), self, Eyes())

    def verify_digests(self, data: bytes, *, with_pdq: bool = True) -> Verdict:
        prints = draw(data).prints
        subject = Subject(prints.sha256, None)
        if not with_pdq:
            return verify_digests(subject, None, None, self)
        return verify_digests(subject, prints.pdq, prints.pdq_quality, self)

    # What goes wrong

    def spoil_statement(self, identity: bytes) -> None:
        """Change the log entry of a record after the log was signed."""
        index = self._index(identity)
        for log in (self.log, self.published):
            statement = log.entries[index]
            log.entries[index] = statement[:-1] + bytes([statement[-1] ^ 1])

    def lose(self, identity: bytes) -> None:
        """Damage what is stored of a record."""
        self.lost.add(identity)

    def mislead(self, lookup: bytes, identity: bytes) -> None:
        """Let the lookups lead from a digest to a record that says nothing of it."""
        self.misled[lookup] = identity

    def mix_up_receipts(self, identity: bytes, other: bytes) -> None:
        """Let a record be answered for with the receipt of another one."""
        self.mixed_up[identity] = other

    # What the procedure asks (the protocol `Registrations`)

    def by_bytes(self, sha256: bytes) -> Sequence[bytes]:
        return self._lookup("bytes", sha256, lambda facts: facts.sha256)

    def by_pixels(self, pixels_sha256: bytes) -> Sequence[bytes]:
        return self._lookup("pixels", pixels_sha256, lambda facts: facts.pixels_sha256)

    def claims(
        self, files: Collection[bytes], pixels: Collection[bytes], of: Collection[bytes], also: Collection[bytes]
    ) -> Mapping[bytes, str]:
        self.asked.append("claims")
        same = [
            self.known(identity)
            for identity, record in self._registrations()
            if record.media.sha256 in files or record.media.pixels_sha256 in pixels or identity in also
        ]
        return standing.claims_of(same)

    def count_same(self, files: Collection[bytes], pixels: Collection[bytes]) -> int:
        of = [record.media for _, record in self._registrations()]
        return sum(media.sha256 in files or media.pixels_sha256 in pixels for media in of)

    def publishers(self, record_ids: Collection[bytes]) -> Mapping[bytes, str]:
        return {identity: record.publisher for identity, record in self._registrations() if identity in record_ids}

    def resembling(self, record_id: bytes) -> Resembling:
        return self.resembled.get(record_id, Resembling())

    def by_fingerprint(self, pdq_orientations: Sequence[bytes], quality: int) -> Sequence[Candidate]:
        self.asked.append("fingerprint")
        distances = {
            identity: min(hamming(prints.pdq, each) for each in pdq_orientations)
            for identity, prints in self.prints.items()
            if prints.pdq_quality >= 50
        }
        near = [
            self._candidate(identity, distance) for identity, distance in distances.items() if distance <= self.reach
        ]
        return sorted(near, key=lambda candidate: candidate.distance)

    def by_local_features(self, features: LocalFeatures) -> Proposed:
        self.asked.append("local features")
        shared = {
            identity: max(_shared(codes, features.upright), _shared(codes, features.mirrored))
            for identity, codes in self.features.items()
        }
        near = [identity for identity, number in shared.items() if number >= 20]
        ordered = sorted(near, key=lambda identity: -shared[identity])
        chosen = [self._candidate(identity, None, shared[identity]) for identity in ordered]
        return Proposed(chosen, self.left_out)

    def _candidate(self, identity: bytes, distance: int | None, agreeing: int = 0) -> Candidate:
        record = self.stated[self._index(identity)]
        assert isinstance(record, AssetRegistered)
        return Candidate(identity, distance, record.publisher, record.media.pixels_sha256, agreeing)

    def reference(self, record_id: bytes) -> Reference:
        if record_id not in self.sketches:
            raise StoreCorrupt("the blob has other bytes than its digest says")
        return Reference(self.sketches[record_id], self.thumbnails.get(record_id))

    def original(self, record_id: bytes) -> bytes | None:
        return self.originals.get(record_id)

    def known(self, record_id: bytes) -> KnownRecord:
        if record_id in self.lost:
            raise StoreCorrupt("the stored record is damaged")
        index = self._index(record_id)
        record = self.stated[index]
        assert isinstance(record, AssetRegistered)
        key = self._key_at(record.publisher, index)
        withdrawals = self._withdrawals(record_id)
        first = self.stated[withdrawals[0]] if withdrawals else None
        report = (
            verify_receipt(self.receipt(self.mixed_up.get(record_id, record_id)), trusted_keys=self.reader_trusts)
            if index < self.published.size
            else None
        )
        return KnownRecord(
            record_id=record_id,
            index=index,
            logged_at=START + timedelta(seconds=index),
            record=record,
            publisher=Publisher(record.publisher, _name(record.publisher), ATTESTED, key.signer.public_key.thumbprint),
            receipt=report,
            cosigned=report is not None and len(report.cosigners) > 0,
            withdrawn_reason=first.reason if isinstance(first, AssetWithdrawn) else None,
            key_revoked_at_index=key.ended if key.revoked else None,
        )

    def count(self) -> int:
        return len(self._registrations())

    def receipt(self, identity: bytes) -> Receipt:
        index = self._index(identity)
        record = self.stated[index]
        assert isinstance(record, AssetRegistered)
        ends = {at for key in self.keys[record.publisher] for at in (key.enrolled, key.ended)}
        keys = sorted(at for at in ends if at is not None and at < self.published.size)
        withdrawn = [at for at in self._withdrawals(identity) if at < self.published.size]
        return self.published.receipt(index, withdrawn, keys=keys)

    def _append(self, record: Record, by: LocalSigner, *, publish: bool = True) -> int:
        self.stated.append(record)
        index = self.log.add(record, by)
        if publish:
            self.published = self.log.at(self.log.size)
        return index

    def _state_key(
        self, action: KeyAction, publisher: str, key: LocalSigner, replaced: LocalSigner | None = None
    ) -> int:
        salt = digest(f"{action} {publisher} {self.log.size}")
        record = publisher_key(action, key, publisher, replaces=replaced, salt=salt)
        return self._append(record, OPERATOR)

    def _registrations(self) -> list[tuple[bytes, AssetRegistered]]:
        return [
            (record_id(canonical), record)
            for canonical, record in zip(self.log.records, self.stated, strict=True)
            if isinstance(record, AssetRegistered)
        ]

    def _lookup(self, what: str, wanted: bytes, of: Callable[[MediaFacts], bytes]) -> list[bytes]:
        self.asked.append(what)
        found = [
            identity
            for identity, record in self._registrations()
            for facts in (record.media, None if record.credential is None else record.credential.signed)
            if facts is not None and of(facts) == wanted
        ]
        return [*self._in_turns([*dict.fromkeys(found)]), *([self.misled[wanted]] if wanted in self.misled else [])]

    def _in_turns(self, identities: list[bytes]) -> list[bytes]:
        records = [self.stated[self._index(identity)] for identity in identities]
        return [identities[place] for place in in_turns([getattr(record, "publisher", "") for record in records])]

    def _index(self, identity: bytes) -> int:
        return self.log.index(identity)

    def _withdrawals(self, identity: bytes) -> list[int]:
        return [
            index
            for index, record in enumerate(self.stated)
            if isinstance(record, AssetWithdrawn) and record.record == identity
        ]

    def _key_at(self, publisher: str, index: int) -> PublishersKey:
        return [key for key in self.keys[publisher] if key.enrolled < index][-1]


class Eyes:
    """Looks at a stranger's picture in this very process."""

    def __init__(self, data: bytes | None = None) -> None:
        """`data`: the picture's file; without it, parts are cut from the canonical picture."""
        self.data = data
        self.crops: list[Crop] = []

    def describe(self, query: Pixels) -> LocalFeatures:
        return describe(extract_sift(query), MAX_QUERY_FEATURES)

    def describe_parts(self, query: Pixels, unexplained: Sequence[Sequence[Box]]) -> Sequence[LocalFeatures]:
        data = self.data
        detail = query if data is None else Media.from_bytes(data).detail
        self.crops = crop_parts(query, unexplained, lambda: detail)
        return [describe(extract_sift(crop.pixels), MAX_QUERY_FEATURES) for crop in self.crops]

    def compare(
        self, query: Pixels, references: Sequence[Reference], part: int | None = None
    ) -> Sequence[Comparison | CountermarkError]:
        seen = Query(query, crop=None if part is None else self.crops[part])
        stored = [None if each.original is None else STORED[each.original] for each in references]
        return [compare_reference(seen, *each) for each in zip(references, stored, strict=True)]


def _shared(one: bytes, other: bytes) -> int:
    """How many features of a picture have one of the same word and nearly the same signs in another."""
    here, there = as_codes(one), as_codes(other)
    near = np.bitwise_count(here["signs"][:, None] ^ there["signs"][None]) <= MAX_APART
    return int((near & (here["word"][:, None] == there["word"][None])).any(1).sum())


def _name(publisher: str) -> str:
    return f"The {publisher.title()}"


@dataclass(frozen=True)
class Drawn:
    """What a registration states of a file, and what a registry keeps of it."""

    stated: MediaFacts
    covered: Appearance
    prints: Fingerprints
    sketch: Sketch
    thumbnail: bytes
    features: bytes

    def facts(self, shown: str | None = SHOWN_METHOD) -> MediaFacts:
        if shown == SHOWN_METHOD:
            return replace(self.stated, shown_sha256=self.prints.shown_sha256, shown_method=shown)
        if shown is None:
            return self.stated
        return replace(self.stated, shown_sha256=digest_appearance(self.prints.pixels_sha256, self.covered))


@cache
def draw(data: bytes) -> Drawn:
    """The stories register the same few pictures again and again: each is drawn once."""
    media = Media.from_bytes(data)
    prints = fingerprint(media)
    return Drawn(
        MediaFacts(media.sha256, len(data), media.media_type, media.width, media.height, prints.pixels_sha256),
        Appearance(tuple(part for part in read_appearance(media).covered if part[0] != COLOURS)),
        prints,
        draw_sketch(media.canonical),
        draw_thumbnail(media.canonical),
        describe(extract_sift(media.canonical), MAX_FEATURES).upright,
    )


def _credential(signed: bytes) -> CredentialFacts:
    return CredentialFacts("urn:c2pa:simulated", digest("claim"), True, draw(signed).facts())


def open_registry(*publishers: str, witnessed: bool = False) -> Simulator:
    """A registry with some publishers, each with its first key."""
    registry = Simulator(witnessed=witnessed)
    for publisher in publishers:
        registry.enrol(publisher)
    return registry
