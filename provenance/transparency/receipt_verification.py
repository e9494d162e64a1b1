"""Checking a receipt offline, step by step: what holds, what fails, and what could not be checked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn, assert_never

from provenance.errors import CountermarkError, ProofInvalid, SignatureInvalid, UntrustedNote
from provenance.statement.record import (
    AssetRegistered,
    AssetWithdrawn,
    LogFrozen,
    LogGenesis,
    PublisherKey,
    Record,
    parse_record,
    record_id,
)
from provenance.statement.statement import verify_statement
from provenance.transparency.checkpoint import Checkpoint, Cosigner
from provenance.transparency.key_history import (
    KeyEvent,
    KeyHistory,
    describe_ending,
    verify_key_record,
    verify_operator_statement,
)
from provenance.transparency.note import COSIGNATURES, ED25519, VerifierKey
from provenance.transparency.receipt import LoggedRecord, Receipt, Stamp
from provenance.transparency.timestamp import Timestamp, TrustAnchor, verify_timestamp

Outcome = Literal["holds", "fails", "not checked"]

STEP_NAMES = {
    1: "Receipt well-formed",
    2: "Log key",
    3: "Checkpoint signature",
    4: "Genesis record",
    5: "Publisher key enrolled",
    6: "Publisher key in force",
    7: "Statement",
    8: "Inclusion in the log",
    9: "Media",
    10: "Time stamp",
}
"""The steps by number, as docs/verification.md has them."""

_NEEDED = range(3, 9)


@dataclass(frozen=True)
class Step:
    """One step of the procedure and what came of it; `detail` is a sentence for people."""

    number: int
    name: str
    outcome: Outcome
    detail: str


@dataclass(frozen=True)
class ReceiptReport:
    """What a receipt proves.

    Attributes:
        steps: all ten, in order.
        record: the subject's record. Nothing in it is proven unless the report `holds`.
        record_id: SHA-256 of its canonical bytes.
        index: of the subject in the log.
        log_key_pinned: the log's key is one that the caller trusts, not only the receipt's own word.
        checkpoint: of the tree that everything is proven in; means nothing unless step 3 holds.
        cosigners: the caller's witnesses that cosigned it.
        signer: the record that enrolled the key which signed the subject; None where an operator signed, or step 5
            does not hold.
        withdrawn: the publisher took the registration back later. False may also mean that the receipt is older
            than the withdrawal, or that whoever passed it on left the withdrawal out.
        timestamp: what one of the caller's authorities stated of the subject, where step 10 holds: that it was in the
            log at a time, or earlier.
    """

    steps: tuple[Step, ...]
    record: Record
    record_id: bytes
    index: int
    log_key_pinned: bool
    checkpoint: Checkpoint
    cosigners: tuple[Cosigner, ...]
    signer: PublisherKey | None
    withdrawn: bool
    timestamp: Timestamp | None = None

    @property
    def holds(self) -> bool:
        """Steps 3 to 8 hold and none fails. Whether the log itself deserves trust is step 2: see `log_key_pinned`."""
        outcomes = {step.number: step.outcome for step in self.steps}
        return "fails" not in outcomes.values() and all(outcomes[number] == "holds" for number in _NEEDED)

    def __bool__(self) -> NoReturn:
        raise TypeError("a report is neither true nor false: ask whether it `holds`")


def verify_receipt(
    receipt: Receipt,
    *,
    trusted_keys: Sequence[VerifierKey] = (),
    media_sha256: bytes | None = None,
    pixels_sha256: bytes | None = None,
    authorities: Sequence[TrustAnchor] = (),
) -> ReceiptReport:
    """Run the whole procedure on a receipt; failures are collected, not raised.

    Args:
        receipt: from `Receipt.parse`.
        trusted_keys: Ed25519 keys of logs, and cosignature/v1 and ML-DSA-44 keys of witnesses, which the caller has
            from elsewhere.
        media_sha256: SHA-256 of the media file's bytes (32 bytes), if there is one to check.
        pixels_sha256: digest of its decoded pixels (32 bytes; `media.fingerprints`).
        authorities: time-stamping authorities that the caller trusts.

    Raises:
        MalformedReceipt: the receipt holds a part that does not parse (step 1).
    """
    # The procedure, as in docs/verification.md:
    #
    #   1. Every part of the receipt parses, in its one encoding, within `limits`.
    #   2. The log key is one that the caller trusts. Without such a key this is not checked: the log is then only
    #      who the receipt says it is, and whoever made the receipt may have made the log.
    #   3. One tree: all proofs carry the same checkpoint, signed with the log key; a witness that the caller knows
    #      and that cosigned it did so validly. (Two trees could be two branches of a log that forks.)
    #   4. The genesis record is entry 0, names this log and this log key, and is signed by an operator key it names.
    #   5. Each key record is signed by an operator key and, but for revocations, carries a proof of possession; and
    #      one of them, before the subject, enrols the subject's key for the subject's publisher.
    #   6. No key record between that one and the subject revokes or replaces the key.
    #   7. The subject's statement is about the subject's record, and signed with that key. So is every statement of
    #      the chain, with a key in force at its index.
    #   8. Every entry's statement is in the tree of the checkpoint, at its index.
    #   9. The media are the registered bytes, the credentialed copy's bytes, or have the registered pixels.
    #  10. The subject's statement is in a tree of this log that one of the caller's time-stamping authorities stamped.
    #      Not checked where the receipt carries no token, or the caller trusts no authority.
    #
    # A step whose ground has failed is not checked: 3 stands on 2, 4 and 8 on 3, 5 on 4, 6 and 7 on 5, 9 and 10 on 7.
    #
    # The caller still owes: where the trusted keys come from; how many cosigners are enough, and how recent; the
    # digests of the media; whether to believe how the publisher's identity was established; and, against a log or a
    # messenger that withholds, asking the registry for key records and withdrawals that this receipt does not show.

    steps = _Steps()

    # 1. Well-formed
    receipt.check_form()
    log_key = VerifierKey.parse(receipt.log_key)
    subject = receipt.subject
    record = _record(subject)
    checkpoint = subject.proof.signed_checkpoint().checkpoint
    steps.settle(1, "holds", "every part parses in its one encoding")

    # 2. Log key
    if not any(key.key_type == ED25519 for key in trusted_keys):
        steps.settle(2, "not checked", f"no trusted log key was given: {log_key.name} is the receipt's own word")
    elif log_key in trusted_keys:
        steps.settle(2, "holds", f"the key of {log_key.name} is one you trust")
    else:
        steps.settle(2, "fails", f"the receipt's key of {log_key.name} is not among those you trust")

    # 3. Checkpoint signature
    cosigners: tuple[Cosigner, ...] = ()

    def check_checkpoint() -> str:
        nonlocal cosigners
        keys = [log_key, *(key for key in trusted_keys if key.key_type in COSIGNATURES)]
        for note in {entry.proof.checkpoint: entry.proof for entry in receipt.entries}.values():
            signed = note.signed_checkpoint()
            if signed.checkpoint != checkpoint:
                raise UntrustedNote("the proofs are for different trees")
            signed.verify(keys, log_key.name)
        cosigners = subject.proof.signed_checkpoint().verify(keys, log_key.name)[1]
        return f"{log_key.name} signed a tree of {checkpoint.size} entries; known witnesses: {len(cosigners)}"

    steps.check(3, check_checkpoint, after=2)

    # 4. Genesis record
    genesis = _record(receipt.genesis)

    def check_genesis() -> str:
        if not isinstance(genesis, LogGenesis) or receipt.genesis.index != 0:
            raise ProofInvalid("a log.genesis record at index 0 is missing")
        if genesis.origin != checkpoint.origin:
            raise UntrustedNote(f"the genesis record is of another log, {genesis.origin}")
        if receipt.log_key not in genesis.log_keys:
            raise UntrustedNote("the genesis record does not name the log key")
        verify_operator_statement(receipt.genesis.read_statement(), _bytes(receipt.genesis), genesis)
        return f"entry 0 names {genesis.origin}, run by {genesis.operator}, and its keys"

    steps.check(4, check_genesis, after=3)

    # 5. Publisher key enrolled
    history = KeyHistory(())
    enrolment: KeyEvent | None = None

    def check_enrolment() -> str:
        nonlocal history, enrolment
        history = KeyHistory.of([_key_event(entry, genesis) for entry in receipt.keys])
        publisher = _publisher(record)
        if publisher is None:
            return "the record is the operator's own: no publisher's key is involved"
        enrolment = history.enrolment(publisher, subject.read_statement().kid, subject.index)
        identity = enrolment.record.identity.sentence()
        return f"enrolled for {enrolment.record.name} at index {enrolment.index}. {identity}"

    steps.check(5, check_enrolment, after=4)

    # 6. Publisher key in force
    def check_in_force() -> str:
        if enrolment is None:
            return "the record is the operator's own: no publisher's key is involved"
        ending = history.ending(enrolment)
        if ending is not None and ending.index < subject.index:
            raise SignatureInvalid(f"{describe_ending(ending)}, before this record")
        later = f"; {describe_ending(ending)}, after this record" if ending else ""
        return f"no key record in this receipt ends the key before index {subject.index}{later}"

    steps.check(6, check_in_force, after=5)

    # 7. Statement
    def check_statements() -> str:
        for entry in (subject, *receipt.chain):
            try:
                _verify_statement(entry, genesis, history, enrolment if entry is subject else None)
            except CountermarkError as cause:
                raise SignatureInvalid(f"entry {entry.index}: {cause}") from cause
        unread = sum(entry.record is None for entry in receipt.chain)
        rest = f"; {unread} of the chain could not be read, because their records are withheld" if unread else ""
        return f"the statement is about this record and signed with that key; chain: {len(receipt.chain)} more{rest}"

    steps.check(7, check_statements, after=5)

    # 8. Inclusion in the log
    def check_inclusion() -> str:
        for entry in receipt.entries:
            try:
                entry.proof.verify_inclusion(entry.statement, checkpoint)
            except ProofInvalid as cause:
                raise ProofInvalid(f"entry {entry.index}: {cause}") from cause
        return f"{len(receipt.entries)} entries are in the tree of {checkpoint.size}, this one at index {subject.index}"

    steps.check(8, check_inclusion, after=3)

    # 9. Media
    if media_sha256 is None and pixels_sha256 is None:
        steps.settle(9, "not checked", "no media were given")
    else:
        steps.check(9, lambda: _compare_media(record, media_sha256, pixels_sha256), after=7)

    # 10. Time stamp
    timestamp: Timestamp | None = None

    def check_stamp(stamp: Stamp) -> str:
        nonlocal timestamp
        stamped = stamp.proof.signed_checkpoint()
        if stamped.checkpoint.origin != log_key.name or stamp.proof.index != subject.index:
            raise ProofInvalid("the time stamp is of another log, or another entry")
        stamp.proof.verify_inclusion(subject.statement, stamped.checkpoint)
        timestamp = verify_timestamp(stamp.token, stamped.note.text.encode(), authorities)
        return f"in the log by {timestamp.time:%Y-%m-%d %H:%M:%S} UTC, says {timestamp.authority}"

    stamp = receipt.stamp
    if stamp is None:
        steps.settle(10, "not checked", "the receipt carries no time stamp")
    elif not authorities:
        steps.settle(10, "not checked", "no time-stamping authority that you trust was named")
    else:
        steps.check(10, lambda: check_stamp(stamp), after=7)

    return ReceiptReport(
        steps=tuple(steps.taken),
        record=record,
        record_id=record_id(_bytes(subject)),
        index=subject.index,
        log_key_pinned=steps.outcome(2) == "holds",
        checkpoint=checkpoint,
        cosigners=cosigners,
        signer=None if enrolment is None else enrolment.record,
        withdrawn=steps.outcome(7) == steps.outcome(8) == "holds" and _is_withdrawn(receipt, record),
        timestamp=timestamp,
    )


class _Steps:
    """The steps taken so far, in order; each is settled once."""

    def __init__(self) -> None:
        self.taken: list[Step] = []
        self._broken: set[int] = set()

    def settle(self, number: int, outcome: Outcome, detail: str) -> None:
        self.taken.append(Step(number, STEP_NAMES[number], outcome, detail))
        if outcome == "fails":
            self._broken.add(number)

    def check(self, number: int, check: Callable[[], str], *, after: int) -> None:
        """Run a check that returns its detail, or raises; not at all where the step it stands on is broken."""
        if after in self._broken:
            self.settle(number, "not checked", f"it stands on step {after}")
            self._broken.add(number)
            return
        try:
            detail = check()
        except CountermarkError as refusal:
            self.settle(number, "fails", str(refusal))
        else:
            self.settle(number, "holds", detail)

    def outcome(self, number: int) -> Outcome:
        return self.taken[number - 1].outcome


def _bytes(entry: LoggedRecord) -> bytes:
    """The record's bytes, which `check_form` has seen to be there."""
    assert entry.record is not None  # noqa: S101
    return entry.record


def _record(entry: LoggedRecord) -> Record:
    return parse_record(_bytes(entry))


def _publisher(record: Record) -> str | None:
    """Who has to have signed a record: a publisher by its id, or None for an operator of the log."""
    match record:
        case AssetRegistered() | AssetWithdrawn():
            return record.publisher
        case LogGenesis() | LogFrozen() | PublisherKey():
            return None
        case never:
            assert_never(never)


def _key_event(entry: LoggedRecord, genesis: Record) -> KeyEvent:
    record = _record(entry)
    try:
        if not isinstance(record, PublisherKey) or not isinstance(genesis, LogGenesis):
            raise SignatureInvalid("not a publisher.key record")
        verify_operator_statement(entry.read_statement(), _bytes(entry), genesis)
        verify_key_record(record, genesis)
    except SignatureInvalid as cause:
        raise SignatureInvalid(f"key record at index {entry.index}: {cause}") from cause
    return KeyEvent(entry.index, record)


def _verify_statement(entry: LoggedRecord, genesis: Record, history: KeyHistory, enrolment: KeyEvent | None) -> None:
    """Check one entry's statement, with the key of `enrolment` where that is known, else with one in force."""
    statement = entry.read_statement()
    if entry.record is None:
        return
    publisher = _publisher(_record(entry))
    if enrolment is not None:
        verify_statement(statement, enrolment.record.key, entry.record)
    elif publisher is not None:
        verify_statement(statement, history.key_in_force(publisher, statement.kid, entry.index), entry.record)
    elif isinstance(genesis, LogGenesis):
        verify_operator_statement(statement, entry.record, genesis)


def _compare_media(record: Record, media_sha256: bytes | None, pixels_sha256: bytes | None) -> str:
    if not isinstance(record, AssetRegistered):
        raise ProofInvalid(f"a record of type {record.TYPE} states no media")
    signed = record.credential.signed if record.credential else None
    if media_sha256 == record.media.sha256:
        return "these are the registered bytes"
    if signed is not None and media_sha256 == signed.sha256:
        return "these are the bytes of the credentialed copy"
    if pixels_sha256 is not None and pixels_sha256 in (record.media.pixels_sha256, signed and signed.pixels_sha256):
        return "same decoded pixels, other bytes" if media_sha256 else "same decoded pixels"
    raise ProofInvalid("these are neither the registered bytes nor pixels, nor those of the credentialed copy")


def _is_withdrawn(receipt: Receipt, record: Record) -> bool:
    """Whether the chain, already checked, holds the publisher's own later withdrawal of the subject."""
    identity = record_id(_bytes(receipt.subject))
    for entry in receipt.chain:
        later = entry.read_record()
        if (
            isinstance(later, AssetWithdrawn)
            and entry.index > receipt.subject.index
            and (later.record, later.publisher) == (identity, _publisher(record))
        ):
            return True
    return False
