"""Writes `receipts.json`: `python -m tests.vectors.transparency.generate_receipts`. Keys and salts are fixed."""

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provenance.receipts.receipt import LoggedRecord, Receipt, Stamp
from provenance.statement.canonical_json import canonical_json
from provenance.statement.handover import hand_over, prove_possession
from provenance.statement.keys import LocalSigner, Signer
from provenance.statement.record import (
    SUPERSEDES,
    AssetRegistered,
    AssetWithdrawn,
    CredentialFacts,
    Identity,
    LogGenesis,
    LogKey,
    MediaFacts,
    Parent,
    PublisherKey,
    Record,
    SketchFacts,
    record_id,
    to_canonical,
)
from provenance.statement.record.keys import KeyAction
from provenance.statement.statement import sign_statement
from provenance.transparency.checkpoint import SignedCheckpoint
from provenance.transparency.log_keys import sign_change
from provenance.transparency.note import COSIGNATURE_V1, ED25519, VerifierKey, sign_note
from tests.logs.log import Log
from tests.stamper import Stamper

ORIGIN = "log.example/countermark"
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def digest(name: str) -> bytes:
    return hashlib.sha256(f"receipt vectors: {name}".encode()).digest()


def ed25519(name: str) -> LocalSigner:
    return LocalSigner(Ed25519PrivateKey.from_private_bytes(digest(name)))


def es256(name: str) -> LocalSigner:
    return LocalSigner(derive_private_key(int.from_bytes(digest(name)[:31]), SECP256R1()))


LOG_NEXT, LOG_LAST = ed25519("next log"), ed25519("last log")
LOG, OPERATOR, WITNESS, MALLORY = ed25519("log"), ed25519("operator"), ed25519("witness"), ed25519("mallory")
DAILY, DAILY_NEW, WEEKLY = es256("daily"), ed25519("daily new"), ed25519("weekly")
LOG_KEY = VerifierKey(ORIGIN, ED25519, LOG.public_key.raw)
NEXT_KEY = VerifierKey(ORIGIN, ED25519, LOG_NEXT.public_key.raw)
LAST_KEY = VerifierKey(ORIGIN, ED25519, LOG_LAST.public_key.raw)
MALLORY_KEY = VerifierKey(ORIGIN, ED25519, MALLORY.public_key.raw)
WITNESS_KEY = VerifierKey("witness.example/w1", COSIGNATURE_V1, WITNESS.public_key.raw)

AUTHORITY, OTHER_AUTHORITY = Stamper("receipt vectors' authority"), Stamper("another authority")

MEDIA = MediaFacts(digest("bytes"), 1_000, "image/jpeg", 640, 480, digest("pixels"))
SIGNED = MediaFacts(digest("signed bytes"), 9_000, "image/jpeg", 640, 480, digest("pixels"))
ATTESTED = Identity("operator-attested", "letter seen by the registry desk")


def genesis(origin: str = ORIGIN, *log_keys: VerifierKey, operator: Signer = OPERATOR) -> LogGenesis:
    vkeys = tuple(map(str, log_keys or (LOG_KEY,)))
    return LogGenesis(digest("genesis"), NOW, origin, "Example registry", vkeys, (operator.public_key,))


def log_change(
    old: VerifierKey, new: VerifierKey, *, origin: str = ORIGIN, sign_old: Signer | None = None, own: bool = True
) -> LogKey:
    """A change of the log's key; `sign_old` signs in the old key's place, and where not `own`, in the new one's."""
    signers = {LOG_KEY: LOG, NEXT_KEY: LOG_NEXT, LAST_KEY: LOG_LAST, MALLORY_KEY: MALLORY}
    chosen = signers | ({old: sign_old} if sign_old else {}) | ({} if own else {new: LOG})
    signatures = sign_change(origin, (old,), (new,), lambda key: chosen[key].sign)
    return LogKey(digest(f"{old} to {new}"), NOW, (str(new),), signatures, "a yearly change")


def key_record(
    action: KeyAction,
    signer: Signer,
    publisher: str = "daily",
    *,
    holder: Signer | None = None,
    shown_to: str = ORIGIN,
    shown_for: str | None = None,
    replaces: Signer = DAILY,
) -> PublisherKey:
    key = signer.public_key
    revoked = action == "revoke"
    proof = None if revoked else prove_possession(holder or signer, shown_to, shown_for or publisher)
    if holder is not None and not revoked:  # a proof over the right message, by another key
        proof = holder.sign(
            b"countermark possession v1\n" + f"{shown_to}\n{publisher}\n{key.thumbprint.hex()}\n".encode()
        )
    reason = "the key was lost" if revoked else None
    salt = digest(f"{action} {publisher} {key.thumbprint.hex()} {shown_to}")
    handover = hand_over(replaces, key, ORIGIN, publisher) if action == "rotate" else None
    return PublisherKey(
        salt, NOW, publisher, f"The {publisher.title()}", ATTESTED, action, key, proof, reason, handover
    )


def asset(name: str = "asset", publisher: str = "daily") -> AssetRegistered:
    return AssetRegistered(
        digest(name),
        NOW,
        publisher,
        MEDIA,
        {"org.countermark.phash.v1": "00ff00ff00ff00ff"},
        SketchFacts(digest("sketch"), "countermark-sketch-1"),
        CredentialFacts("urn:c2pa:example", digest("claim"), True, SIGNED),
        title="Straße – «été» 🌒",
    )


def withdrawal(of: Record, publisher: str = "daily", name: str = "withdrawal") -> AssetWithdrawn:
    return AssetWithdrawn(digest(name), NOW, publisher, record_id(to_canonical(of)), "the caption names the wrong town")


def spoilt(statement: bytes) -> bytes:
    """The statement with a last bit changed: its signature no longer verifies."""
    return statement[:-1] + bytes([statement[-1] ^ 1])


def opened(*, origin: str = ORIGIN, first: LogGenesis | None = None, operator: Signer = OPERATOR) -> Log:
    """A log with its genesis record."""
    log = Log(origin=origin, signer=LOG, witnesses=((WITNESS_KEY, WITNESS),))
    log.add(first or genesis(origin), operator)
    return log


BASES: list[bytes] = []
CASES: list[dict[str, Any]] = []


def spelt(data: bytes) -> dict[str, Any]:
    """The bytes as edits of one of the bases, whichever needs the least; a new base where none is near."""
    spellings = [{"base": number, "edits": edits_of(base, data)} for number, base in enumerate(BASES)]
    shortest = min(spellings, key=lambda spelling: len(json.dumps(spelling)), default=None)
    if shortest is None or len(json.dumps(shortest)) > max(len(data) // 2, 200):
        BASES.append(data)
        return {"base": len(BASES) - 1, "edits": []}
    return shortest


def edits_of(base: bytes, data: bytes) -> list[list[int | str]]:
    """[at, remove, insert as base64] in descending order of place, found between tokens that both have."""
    old, new = (re.findall(rb"[A-Za-z0-9+/=]+|.", each, re.DOTALL) for each in (base, data))
    at = list(itertools.accumulate((len(token) for token in old), initial=0))
    edits: list[list[int | str]] = []
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            insert = base64.b64encode(b"".join(new[new_start:new_end])).decode()
            edits.insert(0, [at[start], at[end] - at[start], insert])
    return edits


def add(
    name: str,
    receipt: Receipt | bytes,
    fails: int | None = None,
    *,
    trusted: tuple[VerifierKey, ...] = (LOG_KEY, WITNESS_KEY),
    media: bytes | None = None,
    pixels: bytes | None = None,
    authority: bool = False,
    **expected: Any,
) -> None:
    """One case: `fails` is the first step that fails, 1 for a file that does not parse, None when it holds."""
    data = receipt if isinstance(receipt, bytes) else receipt.serialise()
    CASES.append(
        {
            "name": name,
            "receipt": spelt(data),
            "trusted_keys": [str(key) for key in trusted],
            "media_sha256": media and media.hex(),
            "pixels_sha256": pixels and pixels.hex(),
            "authority": authority,
            "fails": fails,
            **expected,
        }
    )


def standard() -> tuple[Log, Receipt]:
    """Genesis, a key, three other entries, the asset at 4, its withdrawal at 6; the receipt of the asset alone."""
    log = opened()
    log.add(key_record("enrol", DAILY), OPERATOR)
    log.add(key_record("enrol", WEEKLY, "weekly"), OPERATOR)
    log.add(asset("earlier"), DAILY)
    log.add(asset(), DAILY)
    log.add(asset("of the weekly", "weekly"), WEEKLY)
    log.add(withdrawal(asset()), DAILY)
    return log, log.receipt(4, keys=(1,))


def add_good() -> None:
    log, receipt = standard()
    add("pinned, with the registered bytes", receipt, media=MEDIA.sha256)
    add("nothing is pinned", receipt, trusted=(), log_key_pinned=False, cosigners=0)
    add("only the witness is known", receipt, trusted=(WITNESS_KEY,), log_key_pinned=False, cosigners=1)
    add("the log is known among others", receipt, trusted=(MALLORY_KEY, LOG_KEY), cosigners=0)
    add("the bytes of the credentialed copy", receipt, media=SIGNED.sha256)
    add("the registered pixels in other bytes", receipt, media=digest("other"), pixels=MEDIA.pixels_sha256)
    add("the registered pixels alone", receipt, pixels=MEDIA.pixels_sha256)
    add("withdrawn by its publisher", log.receipt(4, (6,), keys=(1,)), withdrawn=True)
    add("a withdrawal of another record", log.receipt(3, (6,), keys=(1,)), withdrawn=False)
    sealed = log.logged(3)
    add("a chain with a sealed record", replace(receipt, chain=(replace(sealed, record=None),)))
    add("the keys of two publishers", log.receipt(4, (5,), keys=(1, 2)))
    add("the genesis record itself", log.receipt(0, keys=()))
    add("a key record", log.receipt(1, keys=()))
    add("a withdrawal", log.receipt(6, keys=(1,)))

    log = opened()
    log.add(key_record("enrol", DAILY), OPERATOR)
    log.add(asset(), DAILY)
    log.add(key_record("revoke", DAILY), OPERATOR)
    add("the key was revoked after the record", log.receipt(2, keys=(1, 3)))
    add(
        "a receipt that could not hold everything", replace(log.receipt(2, keys=(1, 3)), truncated=True), truncated=True
    )

    for name, since, compromised in (
        ("before the record was made", NOW - timedelta(days=1), True),
        ("after the record was made, on its own word", NOW + timedelta(days=1), None),
    ):
        log = opened()
        log.add(key_record("enrol", DAILY), OPERATOR)
        log.add(asset(), DAILY)
        log.add(replace(key_record("revoke", DAILY), invalid_since=since), OPERATOR)
        add(f"the key was in other hands {name}", log.receipt(2, keys=(1, 3)), key_compromised=compromised)

    log = opened()
    log.add(key_record("enrol", DAILY), OPERATOR)
    log.add(asset(), DAILY)
    replaced = (Parent(record_id(to_canonical(asset())), SUPERSEDES),)
    log.add(replace(asset("instead"), parents=replaced), DAILY)
    log.add(key_record("enrol", WEEKLY, "weekly"), OPERATOR)
    log.add(replace(asset("of the weekly", "weekly"), parents=replaced), WEEKLY)
    log.add(replace(asset("instead, again"), parents=replaced), DAILY)
    log.add(withdrawal(replace(asset("instead, again"), parents=replaced)), DAILY)
    add("superseded by its publisher", log.receipt(2, (3,), keys=(1,)), superseded_by=3)
    add("superseded, and another publisher says so too", log.receipt(2, (3, 5), keys=(1, 4)), superseded_by=3)
    add("superseded by a registration that was withdrawn", log.receipt(2, (6, 7), keys=(1,)), superseded_by=None)

    log = opened()
    log.add(key_record("enrol", DAILY), OPERATOR)
    log.add(key_record("rotate", DAILY_NEW), OPERATOR)
    log.add(asset(), DAILY_NEW)
    add("a key that was rotated to", log.receipt(3, keys=(1, 2)))

    log = opened()
    log.add(key_record("enrol", DAILY), OPERATOR)
    log.add(key_record("revoke", DAILY), OPERATOR)
    log.add(replace(key_record("enrol", DAILY), salt=digest("again")), OPERATOR)
    log.add(asset(), DAILY)
    add("a key that was enrolled anew", log.receipt(4, keys=(1, 2, 3)))

    log = opened()
    log.add(key_record("enrol", DAILY), OPERATOR)
    log.add(key_record("enrol", DAILY, "weekly"), OPERATOR)
    log.add(key_record("revoke", DAILY, "weekly"), OPERATOR)
    log.add(key_record("enrol", WEEKLY, "weekly"), OPERATOR)
    log.add(asset(), DAILY)
    add("another publisher's keys come and go", log.receipt(5, keys=(1, 2, 3, 4)))

    log = opened()
    log.add(key_record("enrol", DAILY), OPERATOR)
    log.add(withdrawal(asset()), DAILY)
    log.add(asset(), DAILY)
    add("a withdrawal before the registration", log.receipt(3, (2,), keys=(1,)), withdrawn=False)

    log = opened()
    log.add(key_record("enrol", DAILY), OPERATOR)
    log.add(asset(), DAILY)
    log.add(key_record("rotate", DAILY_NEW), OPERATOR)
    log.add(withdrawal(asset()), DAILY_NEW)
    log.add(withdrawal(asset(), name="by the old key"), DAILY)
    add("withdrawn with the publisher's next key", log.receipt(2, (4,), keys=(1, 3)), withdrawn=True)
    add("a withdrawal by a key that was replaced", log.receipt(2, (5,), keys=(1, 3)), 7, withdrawn=False)


def add_bad_log_and_genesis() -> None:
    log, receipt = standard()
    add("the log key is not one that is trusted", receipt, 2, trusted=(MALLORY_KEY, WITNESS_KEY))

    def with_checkpoint(change: Callable[[bytes], bytes]) -> Receipt:
        def changed(entry: LoggedRecord) -> LoggedRecord:
            return replace(entry, proof=replace(entry.proof, checkpoint=change(entry.proof.checkpoint)))

        keys = tuple(changed(entry) for entry in receipt.keys)
        return replace(receipt, subject=changed(receipt.subject), keys=keys, genesis=changed(receipt.genesis))

    add("a larger tree than was signed", with_checkpoint(lambda note: note.replace(b"\n7\n", b"\n8\n")), 3)
    add("another origin in the checkpoint", with_checkpoint(lambda note: note.replace(b"log.e", b"lob.e", 1)), 3)
    name = ORIGIN.encode()
    unsigned = with_checkpoint(lambda note: b"\n".join(line for line in note.split(b"\n") if b" " + name not in line))
    add("the witness signed and the log did not", unsigned, 3)
    stolen = LOG_KEY.key_id + MALLORY.sign(receipt.subject.proof.signed_checkpoint().note.text.encode())
    line = f"— {ORIGIN} ".encode() + base64.b64encode(stolen)
    add(
        "the log's signature is a stranger's",
        with_checkpoint(lambda note: b"\n".join(line if b" " + name in old else old for old in note.split(b"\n"))),
        3,
    )
    false_witness = WITNESS_KEY.key_id + bytes(7) + b"\x01" + MALLORY.sign(b"anything")
    false_line = f"— {WITNESS_KEY.name} ".encode() + base64.b64encode(false_witness) + b"\n"
    add("a known witness's cosignature fails", with_checkpoint(lambda note: note + false_line), 3)
    add(
        "an unknown witness's cosignature is ignored",
        with_checkpoint(lambda note: note + false_line),
        trusted=(LOG_KEY,),
    )
    renamed = VerifierKey("lob.example/countermark", ED25519, LOG.public_key.raw)
    add("the log key under another name", replace(receipt, log_key=str(renamed)), 3, trusted=())
    add("the log key of a stranger", replace(receipt, log_key=str(MALLORY_KEY)), 3, trusted=())
    add("the genesis is proven in an older tree", replace(receipt, genesis=log.at(5).logged(0)), 3)
    add("the subject is proven in an older tree", replace(receipt, subject=log.at(5).logged(4)), 3)
    fork = opened()
    for each in range(6):
        fork.add(asset(f"fork {each}"), DAILY)
    add("the subject is proven in a fork", replace(receipt, subject=fork.logged(4)), 3)

    add("a key record for the genesis", replace(receipt, genesis=log.logged(1)), 4)
    add(
        "the genesis of another log",
        replace(receipt, genesis=replace(receipt.genesis, record=to_canonical(genesis("other.example")))),
        4,
    )

    def on(first: LogGenesis, operator: Signer = OPERATOR) -> Receipt:
        other = opened(first=first, operator=operator)
        other.add(key_record("enrol", DAILY), OPERATOR)
        other.add(asset(), DAILY)
        return other.receipt(2, keys=(1,))

    add("the genesis names another log", on(genesis("other.example/log")), 4)
    add("the genesis names another log key", on(genesis(ORIGIN, MALLORY_KEY)), 4)
    add("the genesis is signed by a stranger", on(genesis(), MALLORY), 4)
    late = opened(first=genesis("other.example/log"))
    late.add(genesis(), OPERATOR)
    late.add(key_record("enrol", DAILY), OPERATOR)
    late.add(asset(), DAILY)
    add("a genesis at index 1", replace(late.receipt(3, keys=(2,)), genesis=late.logged(1)), 4)
    zero = late.logged(1)
    lied = replace(late.receipt(3, keys=(2,)), genesis=replace(zero, proof=replace(zero.proof, index=0)))
    add("a genesis at index 1 that claims index 0", lied, 8)
    own = genesis(operator=MALLORY)
    swapped = LoggedRecord(to_canonical(own), sign_statement(to_canonical(own), MALLORY), receipt.genesis.proof)
    foreign = key_record("enrol", MALLORY)
    key = LoggedRecord(to_canonical(foreign), sign_statement(to_canonical(foreign), MALLORY), receipt.keys[0].proof)
    data = to_canonical(asset())
    subject = LoggedRecord(data, sign_statement(data, MALLORY), receipt.subject.proof)
    add("all made up but the checkpoint", replace(receipt, genesis=swapped, keys=(key,), subject=subject), 8)


def add_bad_keys() -> None:
    log, receipt = standard()
    add("no key records", replace(receipt, keys=()), 5)
    add("the key record of another publisher", log.receipt(4, keys=(2,)), 5)
    add("an asset record among the keys", log.receipt(4, keys=(1, 3)), 5)
    add(
        "the key record of another statement",
        replace(receipt, keys=(replace(receipt.keys[0], record=log.records[2]),)),
        5,
    )

    def with_key(
        record: PublisherKey, operator: Signer = OPERATOR, change: Callable[[bytes], bytes] = bytes
    ) -> Receipt:
        other = opened()
        other.add(record, operator, change)
        other.add(asset(), DAILY)
        return other.receipt(2, keys=(1,))

    add("a foreign operator", with_key(key_record("enrol", DAILY), MALLORY), 5)
    add("a publisher that enrols itself", with_key(key_record("enrol", DAILY), DAILY), 5)
    add("a spoilt signature of the operator", with_key(key_record("enrol", DAILY), change=spoilt), 5)
    add("no proof of possession", with_key(replace(key_record("enrol", DAILY), possession=None)), 5)
    add("possession shown by another key", with_key(key_record("enrol", DAILY, holder=MALLORY)), 5)
    add("possession shown to another log", with_key(key_record("enrol", DAILY, shown_to="other.example/log")), 5)
    add("possession shown for another publisher", with_key(key_record("enrol", DAILY, shown_for="weekly")), 5)
    add("a key enrolled for another publisher", with_key(key_record("enrol", DAILY, "weekly")), 5)
    add("another key of the publisher", with_key(key_record("enrol", DAILY_NEW)), 5)
    add("a revocation without enrolment", with_key(key_record("revoke", DAILY)), 5)

    log = opened()
    log.add(asset(), DAILY)
    log.add(key_record("enrol", DAILY), OPERATOR)
    add("a key enrolled after the record", log.receipt(1, keys=(2,)), 5)

    log = opened()
    log.add(key_record("enrol", DAILY), OPERATOR)
    log.add(key_record("revoke", DAILY), OPERATOR)
    log.add(asset(), DAILY)
    add("a key revoked before the record", log.receipt(3, keys=(1, 2)), 6)

    log = opened()
    log.add(key_record("enrol", DAILY), OPERATOR)
    log.add(key_record("rotate", DAILY_NEW), OPERATOR)
    log.add(asset(), DAILY)
    add("a key replaced before the record", log.receipt(3, keys=(1, 2)), 6)

    def with_rotation(record: PublisherKey) -> Receipt:
        other = opened()
        other.add(key_record("enrol", DAILY), OPERATOR)
        other.add(key_record("enrol", WEEKLY, "weekly"), OPERATOR)
        other.add(record, OPERATOR)
        other.add(asset(), DAILY_NEW)
        return other.receipt(4, keys=(1, 2, 3))

    rotation = key_record("rotate", DAILY_NEW)
    add("a rotation that the old key has not signed", with_rotation(replace(rotation, handover=None)), 5)
    add(
        "a rotation signed by another publisher's key",
        with_rotation(key_record("rotate", DAILY_NEW, replaces=WEEKLY)),
        5,
    )
    swapped = replace(rotation, handover=replace(hand_over(DAILY, WEEKLY.public_key, ORIGIN, "daily")))
    add("a rotation to another key than the old one signed for", with_rotation(swapped), 5)
    log = opened()
    log.add(key_record("enrol", DAILY), OPERATOR)
    log.add(key_record("revoke", DAILY), OPERATOR)
    log.add(rotation, OPERATOR)
    log.add(asset(), DAILY_NEW)
    add("a rotation signed by a key that was revoked before", log.receipt(4, keys=(1, 2, 3)), 5)


def rotated(*changes: tuple[LogKey, Signer], first: LogGenesis | None = None) -> Log:
    """A log whose key changes at index 3 and after; the asset is at 2, before any change, and another one is last."""
    log = opened(first=first)
    log.add(key_record("enrol", DAILY), OPERATOR)
    log.add(asset(), DAILY)
    for record, operator in changes:
        log.add(record, operator)
    log.add(asset("later"), DAILY)
    return log


def add_log_keys() -> None:
    once = log_change(LOG_KEY, NEXT_KEY)
    log = rotated((once, OPERATOR))
    add("a checkpoint by the retired log key", log.receipt(4, keys=(1, 3)), 4, trusted=(LOG_KEY,))
    log = replace(log, signer=LOG_NEXT)
    receipt = log.receipt(4, keys=(1, 3))
    add("the log key was rotated, and the new one is trusted", receipt, trusted=(NEXT_KEY, WITNESS_KEY))
    add("the log key was rotated, and the old one is trusted", receipt, trusted=(LOG_KEY, WITNESS_KEY))
    add("the log key was rotated, and nothing is pinned", receipt, trusted=(), log_key_pinned=False)
    add("the rotation itself", log.receipt(3, keys=()), trusted=(LOG_KEY,))
    add("an entry before the rotation, proven after it", log.receipt(2, keys=(1, 3)), trusted=(LOG_KEY,))
    add("a rotated log key that is not trusted", receipt, 2, trusted=(MALLORY_KEY,))
    add("the rotation is left out, and the old log key trusted", log.receipt(4, keys=(1,)), 2, trusted=(LOG_KEY,))
    add("the rotation is left out, and the new log key trusted", log.receipt(4, keys=(1,)), 4, trusted=(NEXT_KEY,))

    twice = rotated((once, OPERATOR), (log_change(NEXT_KEY, LAST_KEY), OPERATOR))
    twice = replace(twice, signer=LOG_LAST)
    add("the log key was rotated twice", twice.receipt(5, keys=(1, 3, 4)), trusted=(LOG_KEY,))
    add("one of two rotations is left out", twice.receipt(5, keys=(1, 4)), 4, trusted=(LAST_KEY,))

    def changed(record: LogKey, operator: Signer = OPERATOR, **options: Any) -> Receipt:
        other = rotated((record, operator), **options)
        other = replace(other, signer=MALLORY)
        return other.receipt(4, keys=(1, 3))

    stolen = log_change(LOG_KEY, MALLORY_KEY, sign_old=MALLORY)
    add("a rotation that the old log key has not signed", changed(stolen), 2, trusted=(LOG_KEY,))
    add("a rotation that the old log key has not signed, its key trusted", changed(stolen), 4, trusted=(MALLORY_KEY,))
    other = log_change(LOG_KEY, MALLORY_KEY, origin="other.example/log")
    add("a rotation that was signed for another log", changed(other), 2, trusted=(LOG_KEY,))
    add("a rotation by a foreign operator", changed(log_change(LOG_KEY, MALLORY_KEY), MALLORY), 4, trusted=(LOG_KEY,))
    add("no signature on a rotation but one", changed(replace(stolen, signatures=stolen.signatures[:1])), 2)
    unheld = log_change(LOG_KEY, MALLORY_KEY, own=False)
    add("a rotation to a key that has not signed", changed(unheld), 2, trusted=(LOG_KEY,))
    beside = opened(first=genesis(ORIGIN, LOG_KEY, MALLORY_KEY))
    beside = replace(beside, signer=MALLORY)
    beside.add(key_record("enrol", DAILY), OPERATOR)
    beside.add(asset(), DAILY)
    add("a genesis that names the trusted key beside a stranger's", beside.receipt(2, keys=(1,)), 2, trusted=(LOG_KEY,))


def add_bad_statements_and_proofs() -> None:
    log, receipt = standard()
    subject = receipt.subject
    add("another record than was signed", replace(receipt, subject=replace(subject, record=log.records[3])), 7)
    other = log.logged(3)
    add("the statement of another record", replace(receipt, subject=replace(other, record=subject.record)), 7)
    swapped = replace(receipt, subject=replace(subject, statement=other.statement))
    add("the statement of another record, in the proof's place", swapped, 7)
    bad = opened()
    bad.add(key_record("enrol", DAILY), OPERATOR)
    bad.add(asset(), DAILY, spoilt)
    add("a logged statement whose signature fails", bad.receipt(2, keys=(1,)), 7)
    add("a spoilt statement", replace(receipt, subject=replace(subject, statement=spoilt(subject.statement))), 7)

    bad = opened()
    bad.add(key_record("enrol", DAILY), OPERATOR)
    bad.add(key_record("enrol", WEEKLY, "weekly"), OPERATOR)
    bad.add(asset(), DAILY)
    bad.add(withdrawal(asset()), WEEKLY)
    bad.add(withdrawal(asset(), "weekly"), WEEKLY)
    add("a withdrawal by another publisher's key", bad.receipt(3, (4,), keys=(1, 2)), 7, withdrawn=False)
    add("a withdrawal by another publisher", bad.receipt(3, (5,), keys=(1, 2)), withdrawn=False)
    add("a withdrawal by a key that is not shown", bad.receipt(3, (5,), keys=(1,)), 7, withdrawn=False)
    forged = log.logged(6)
    forged = replace(forged, record=to_canonical(withdrawal(asset(), name="forged")))
    add("a withdrawal that was not signed", replace(receipt, chain=(forged,)), 7, withdrawn=False)
    moved = replace(log.logged(6), proof=replace(log.logged(6).proof, index=5))
    add("a withdrawal at another index", replace(receipt, chain=(moved,)), 8, withdrawn=False)

    def with_proof(**changes: Any) -> Receipt:
        return replace(receipt, subject=replace(subject, proof=replace(subject.proof, **changes)))

    hashes = subject.proof.hashes
    flipped = bytes([hashes[0][0] ^ 1]) + hashes[0][1:]
    add("a truncated proof", with_proof(hashes=hashes[:-1]), 8)
    add("an empty proof", with_proof(hashes=()), 8)
    add("a hash too many", with_proof(hashes=(*hashes, hashes[0])), 8)
    add("a changed bit in the proof", with_proof(hashes=(flipped, *hashes[1:])), 8)
    add("a reversed proof", with_proof(hashes=hashes[::-1]), 8)
    add("a larger index", with_proof(index=5), 8)
    add("an index beyond the tree", with_proof(index=7), 8)
    add("an index beyond 53 bits", with_proof(index=2**60), 8)
    earlier = replace(receipt.keys[0], proof=replace(receipt.keys[0].proof, index=0))
    add("a key record at another index", replace(receipt, keys=(earlier,)), 8)
    add("other media", receipt, 9, media=digest("other"))
    add("other media and pixels", receipt, 9, media=digest("other"), pixels=digest("other pixels"))
    add("media for a record without any", log.receipt(6, keys=(1,)), 9, media=MEDIA.sha256)


def add_stamps() -> None:
    """The asset is entry 4 of 7; the tree of 5 was stamped."""
    log, receipt = standard()
    stamp = log.stamp(4, 5, AUTHORITY)

    def case(name: str, of: Stamp, fails: int | None = 10, **options: Any) -> None:
        held = options.pop("held", "holds" if fails is None else "fails")
        add(f"time stamp: {name}", replace(receipt, stamp=of), fails, authority=True, time_stamp=held, **options)

    def noted(note: bytes, **changes: Any) -> Stamp:
        """A stamp over another checkpoint, with all else as it was."""
        text = note[: note.index(b"\n\n") + 1]
        return replace(stamp, proof=replace(stamp.proof, checkpoint=note), token=AUTHORITY.stamp(text, NOW), **changes)

    case("of an earlier tree", stamp, None)
    case("of the receipt's own tree", log.stamp(4, 7, AUTHORITY), None)
    case("nothing is pinned", stamp, None, trusted=(), log_key_pinned=False)
    add("time stamp: no authority is trusted", replace(receipt, stamp=stamp), time_stamp="not checked")
    case("without a consistency proof", replace(stamp, consistency=()), None, held="not checked")

    note = log.at(5).checkpoint
    log_line = next(line for line in note.split(b"\n") if f" {ORIGIN} ".encode() in line) + b"\n"
    text = note[: note.index(b"\n\n")]
    case("the log has not signed the tree, a witness has", noted(note.replace(log_line, b"")))
    name, key_id = ORIGIN, LOG_KEY.key_id
    false = f"— {name} ".encode() + base64.b64encode(key_id + MALLORY.sign(text + b"\n")) + b"\n"
    case("the log's signature is a stranger's", noted(note.replace(log_line, false)))
    by_mallory = replace(log, signer=MALLORY)
    case("signed with a key that the log never had", noted(by_mallory.at(5).checkpoint))
    named = noted(by_mallory.at(5).checkpoint)
    case("signed with a key that the log never had and the reader trusts", named, trusted=(LOG_KEY, MALLORY_KEY))
    false_witness = WITNESS_KEY.key_id + bytes(7) + b"\x01" + MALLORY.sign(b"anything")
    false_line = f"— {WITNESS_KEY.name} ".encode() + base64.b64encode(false_witness) + b"\n"
    case("a known witness's cosignature fails", noted(text + b"\n\n" + log_line + false_line))

    elsewhere = replace(log, origin="other.example/log")
    case("the same tree in another log's name", noted(elsewhere.at(5).checkpoint))
    other_text = SignedCheckpoint.parse(elsewhere.at(5).checkpoint).note.text
    with_our_key = sign_note(other_text, ORIGIN, LOG.sign, LOG_KEY.public).serialise()
    case("the checkpoint of another log, signed with this log's key", noted(with_our_key))
    case("of another entry", log.stamp(3, 5, AUTHORITY))
    moved = replace(stamp, proof=replace(stamp.proof, index=3))
    case("at another index", moved)
    case(
        "the inclusion proof of another entry",
        replace(stamp, proof=replace(stamp.proof, hashes=log.stamp(3, 5, AUTHORITY).proof.hashes)),
    )
    larger, _ = standard()
    larger.add(asset("later still"), DAILY)
    case("of a larger tree than the receipt's", larger.stamp(4, 8, AUTHORITY, of=8))
    case(
        "of a larger tree than the receipt's, with the proof turned round",
        replace(larger.stamp(4, 8, AUTHORITY), consistency=larger.tree.consistency(7, 8)),
    )

    fork = opened()
    for record, key in ((key_record("enrol", DAILY), OPERATOR), (asset("forged"), DAILY), (asset("earlier"), DAILY)):
        fork.add(record, key)
    fork.add(asset(), DAILY)
    forked = fork.stamp(4, 5, AUTHORITY, of=5)
    case("another tree that the log has signed", replace(forked, consistency=stamp.consistency))
    case("another tree that the log has signed, without a consistency proof", forked, None, held="not checked")
    fork.add(asset("of the weekly", "weekly"), WEEKLY)
    fork.add(withdrawal(asset()), DAILY)
    case("another tree of the same size that the log has signed", fork.stamp(4, 7, AUTHORITY))
    own = replace(fork, signer=MALLORY)
    case("a tree of the publisher's own", replace(own.stamp(4, 5, AUTHORITY), consistency=stamp.consistency))
    hashes = stamp.consistency
    case("a hash too few in the consistency proof", replace(stamp, consistency=hashes[:-1]))
    case("a hash too many in the consistency proof", replace(stamp, consistency=(*hashes, hashes[0])))
    case("a changed consistency proof", replace(stamp, consistency=(digest("other"), *hashes[1:])))
    case("a consistency proof that is not needed", replace(log.stamp(4, 7, AUTHORITY), consistency=hashes))
    case("the token is over another tree", replace(stamp, token=log.stamp(4, 6, AUTHORITY).token))
    case("the token is by another authority", log.stamp(4, 5, OTHER_AUTHORITY))

    rotated_log = rotated((log_change(LOG_KEY, NEXT_KEY), OPERATOR))
    before = rotated_log.stamp(2, 3, AUTHORITY)
    late_by_old = rotated_log.stamp(2, 4, AUTHORITY)
    rotated_log = replace(rotated_log, signer=LOG_NEXT)
    receipt = rotated_log.receipt(2, keys=(1, 3))
    options: dict[str, Any] = {"trusted": (LOG_KEY,)}
    case("signed with the log key of its time, rotated since", before, None, **options)
    case("signed with the log key that was retired before", late_by_old, **options)
    case("signed with the log key that came later", rotated_log.stamp(2, 3, AUTHORITY), **options)
    case("signed with the new log key", rotated_log.stamp(2, 4, AUTHORITY), None, **options)


def add_malformed() -> None:
    log, receipt = standard()
    receipt = log.receipt(4, (5, 6), keys=(1, 2))
    good = receipt.serialise()

    def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
        value = json.loads(good)
        change(value)
        return canonical_json(value)

    def setting(*path: str | int, to: Any) -> bytes:
        def change(value: Any) -> None:
            for step in path[:-1]:
                value = value[step]
            value[path[-1]] = to

        return edited(change)

    def raw(old: bytes, new: bytes) -> bytes:
        assert old in good
        return good.replace(old, new, 1)

    stamped = replace(receipt, stamp=log.stamp(4, 5, AUTHORITY)).serialise()

    def stamping(**changes: Any) -> bytes:
        value = json.loads(stamped)
        return canonical_json(value | {"timestamp": value["timestamp"] | changes})

    hashes = json.loads(stamped)["timestamp"]["consistency"]
    shuffled = json.dumps(dict(reversed(json.loads(good).items())), ensure_ascii=False, separators=(",", ":"))
    statement = json.loads(good)["subject"]["statement"]
    proof = json.loads(good)["subject"]["proof"]
    for name, data in {
        "empty": b"",
        "not JSON": b"countermark",
        "an array": b"[" + good + b"]",
        "unsorted members": shuffled.encode(),
        "white space": good.replace(b'"format":', b'"format": '),
        "a newline at the end": good + b"\n",
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "not UTF-8": raw("Straße".encode(), "Straße".encode("latin-1")),
        "an escaped letter": raw("ß".encode(), b"\\u00df"),
        "a name given twice": raw(b'"format":', b'"format":"countermark-receipt","format":'),
        "a member too many": edited(lambda value: value.update(note="hello")),
        "a member too few": edited(lambda value: value.pop("chain")),
        "an entry's member too many": edited(lambda value: value["subject"].update(logged_at="2026-03-01")),
        "another format": setting("format", to="countermark-receipts"),
        "another version": setting("version", to=2),
        "the version as text": setting("version", to="1"),
        "the version as truth": setting("version", to=True),
        "the version as a float": raw(b'"version":1}', b'"version":1.0}'),
        "a huge number": raw(b'"version":1}', b'"version":' + b"9" * 5000 + b"}"),
        "a number beyond doubles": raw(b'"version":1}', b'"version":1e400}'),
        "not a number": raw(b'"version":1}', b'"version":NaN}'),
        "a huge number in a record": raw(b'"width":640', b'"width":' + b"6" * 400),
        "deep nesting": raw(b'"chain":[', b'"chain":[' + b"[" * 2000),
        "deep nesting in a record": raw(
            b'"type":"asset.registered"', b'"a":' + b"[" * 30 + b"]" * 30 + b',"type":"asset.registered"'
        ),
        "keys as an object": setting("keys", to={}),
        "keys out of order": edited(lambda value: value["keys"].reverse()),
        "a key record twice": edited(lambda value: value["keys"].insert(0, value["keys"][0])),
        "a chain out of order": edited(lambda value: value["chain"].reverse()),
        "a sealed subject": setting("subject", "record", to=None),
        "a sealed genesis": setting("genesis", "record", to=None),
        "a sealed key record": setting("keys", 0, "record", to=None),
        "a record as text": setting("subject", "record", to="{}"),
        "a record of an unknown type": setting("subject", "record", "type", to="asset.imagined"),
        "a record of another version": setting("subject", "record", "version", to=2),
        "a statement in base64url": setting(
            "subject", "statement", to=statement.replace("+", "-").replace("/", "_").rstrip("=") + "-"
        ),
        "a statement with a line break": setting("subject", "statement", to=statement[:40] + "\n" + statement[40:]),
        "a statement that is none": setting("subject", "statement", to="AAAA"),
        "a statement with a byte too many": setting(
            "subject", "statement", to=base64.b64encode(base64.b64decode(statement) + b"\x00").decode()
        ),
        "a proof that is none": setting("subject", "proof", to=""),
        "a proof with a leading zero": setting("subject", "proof", to=proof.replace("index 4", "index 04")),
        "a proof with a huge index": setting("subject", "proof", to=proof.replace("index 4", "index " + "9" * 30)),
        "a proof with extra data": setting("subject", "proof", to=proof.replace("index 4", "extra AAAA\nindex 4")),
        "a proof without signatures": setting("subject", "proof", to=proof[: proof.index("\n—")]),
        "a log key that is none": setting("log_key", to="log.example/countermark"),
        "a log key with another key ID": setting("log_key", to=str(LOG_KEY).replace(LOG_KEY.key_id.hex(), "00000000")),
        "a witness key as the log key": setting("log_key", to=str(WITNESS_KEY)),
        "a log key of small order": setting("log_key", to=small_order_key()),
        "truncated as false": edited(lambda value: value.update(truncated=False)),
        "truncated as a null": edited(lambda value: value.update(truncated=None)),
        "truncated as a number": edited(lambda value: value.update(truncated=1)),
        "an empty consistency proof": stamping(consistency=[]),
        "no consistency proof but a null": stamping(consistency=None),
        "a consistency proof as text": stamping(consistency=hashes[0]),
        "a consistency proof with half a hash": stamping(consistency=[hashes[0][:22]]),
        "a consistency proof in base64url": stamping(consistency=[hashes[0][:-2] + "-="]),
        "a consistency proof with numbers": stamping(consistency=[1]),
        "a consistency proof without end": stamping(consistency=hashes[:1] * 64),
        "a time stamp with a member too many": stamping(time="now"),
    }.items():
        add(f"malformed: {name}", data, 1)


def small_order_key() -> str:
    """A verifier key whose point is the identity: every signature of a kind would verify under it."""
    material = b"\x01" + b"\x01" + bytes(31)
    key_id = hashlib.sha256(ORIGIN.encode() + b"\n" + material).digest()[:4]
    return f"{ORIGIN}+{key_id.hex()}+{base64.b64encode(material).decode()}"


if __name__ == "__main__":
    add_good()
    add_bad_log_and_genesis()
    add_bad_keys()
    add_log_keys()
    add_bad_statements_and_proofs()
    add_stamps()
    add_malformed()
    text = json.dumps(
        {"authority": AUTHORITY.pem, "bases": [base64.b64encode(base).decode() for base in BASES], "cases": CASES},
        indent=1,
        ensure_ascii=True,
    )
    (Path(__file__).parent / "receipts.json").write_text(text + "\n")
