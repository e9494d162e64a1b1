"""Checking a receipt offline, step by step: what holds, what fails, and what could not be checked."""

from collections.abc import Mapping, Sequence

from provenance.errors import CountermarkError, ProofInvalid, SignatureInvalid, UntrustedNote
from provenance.quotation import quote
from provenance.statement.record import (
    AssetRegistered,
    LogGenesis,
    LogKey,
    PublisherKey,
    Record,
    parse_record,
    record_id,
)
from provenance.statement.statement import verify_statement
from provenance.transparency.chain import Chain, walk
from provenance.transparency.checkpoint import Checkpoint, Cosigner
from provenance.transparency.key_history import (
    KeyEvent,
    KeyHistory,
    describe_ending,
    publisher_of,
    verify_key_record,
    verify_operator_statement,
)
from provenance.transparency.later_records import (
    contest,
    is_compromised,
    is_disputed,
    is_withdrawn,
    superseded_by,
)
from provenance.transparency.log_keys import LogKeys
from provenance.transparency.merkle import verify_consistency
from provenance.transparency.note import COSIGNATURES, ML_DSA_44, VerifierKey
from provenance.transparency.pinned_key import judge_log_key
from provenance.transparency.receipt import LoggedRecord, Receipt, Stamp
from provenance.transparency.receipt_report import ReceiptReport, Steps, Undecided
from provenance.transparency.timestamp import Timestamp, TrustAnchor, verify_timestamp


def verify_receipt(
    receipt: Receipt,
    *,
    trusted_keys: Sequence[VerifierKey] = (),
    retired: Mapping[VerifierKey, int] | None = None,
    media_sha256: bytes | None = None,
    pixels_sha256: bytes | None = None,
    shown_sha256: bytes | None = None,
    beside: Sequence[str] = (),
    authorities: Sequence[TrustAnchor] = (),
) -> ReceiptReport:
    """Run the whole procedure on a receipt; failures are collected, not raised.

    Args:
        receipt: from `Receipt.parse`.
        trusted_keys: Ed25519 and ML-DSA-44 keys of logs, and cosignature/v1 and ML-DSA-44 keys of witnesses, which the
            caller has from elsewhere. A log's ML-DSA-44 key is named as its origin.
        retired: which of the trusted keys their log has retired, with the size of the largest tree that each signs.
        media_sha256: SHA-256 of the media file's bytes (32 bytes), if there is one to check.
        pixels_sha256: digest of its decoded pixels (32 bytes; `media.fingerprints`).
        shown_sha256: version 2 of that (`media.appearance`), where the file has one.
        beside: what the file has beside its pixels, by name.
        authorities: time-stamping authorities that the caller trusts.

    Raises:
        MalformedReceipt: the receipt holds a part that does not parse (step 1).
    """
    # The procedure, as in docs/reference/receipts.md:
    #
    #   1. Every part of the receipt parses, in its one encoding, within `limits`.
    #   2. The log key is one that the caller trusts, or one that a trusted key has handed over to, in `log.key` records
    #      of this receipt; and it is not one of which the caller knows that it was retired at a smaller size. Without
    #      such a key this is not checked: the log is then only who the receipt says it is, and whoever made the receipt
    #      may have made the log.
    #   3. One tree: all proofs carry the same checkpoint, signed with the log key, and with the log's ML-DSA-44 key
    #      where the caller trusts one; a witness that the caller knows and that cosigned it did so validly. (Two trees
    #      could be two branches of a log that forks.)
    #   4. The genesis record is entry 0, names this log, and is signed by an operator key it names. From the keys it
    #      names, the `log.key` records lead to those in force for a tree of this size, and the log key is one of these.
    #      Each is signed by an operator key, the keys before it and the keys after it.
    #   5. Each publisher's key record is signed by an operator key and, but for revocations, carries a proof of
    #      possession; a rotation is signed by the key that it replaces. And one of them, before the subject, enrols the
    #      subject's key for the subject's publisher.
    #   6. No key record between that one and the subject revokes or replaces the key.
    #   7. The subject's statement is about the subject's record, and signed with that key. So is every statement of
    #      the chain, with a key in force at its index.
    #   8. Every entry's statement is in the tree of the checkpoint, at its index.
    #   9. The media are the registered bytes, the credentialed copy's bytes, or have the registered pixels.
    #  10. The subject's statement is in a tree that one of the caller's time-stamping authorities stamped. The log had
    #      signed that tree, with a key in force for its size, and the receipt's tree is the same or has grown from it.
    #      (Whoever knows the log's tree can make a next one of its own and have that stamped.) Not checked where the
    #      receipt carries no token, or no proof that its tree begins with the stamped one, or the caller trusts no
    #      authority.
    #  11. Every registration that the subject was made from, up to the origins, is in the chain, with its record, its
    #      signature, a key in force, and its place in the log before what was made from it. A link that does not hold
    #      is named, and all behind it is unproven. Nor was one withdrawn, disputed, or signed with a key that may have
    #      been in other hands: what was made from it is proven all the same. Where a record is withheld or missing, or
    #      the receipt says that it could not hold everything, this is not checked.
    #
    # A step whose ground has failed is not checked: 3 stands on 2, 4 and 8 on 3, 5 on 4, 6, 7 and 11 on 5, 9 on 7, 10
    # on 7 and 8.
    #
    # The caller still owes: where the trusted keys come from; how many cosigners are enough, and how recent; the
    # digests of the media; whether to believe how the publisher's identity was established; and, against a log or a
    # messenger that withholds, asking the registry for key records and withdrawals that this receipt does not show.

    steps = Steps()

    # 1. Well-formed
    receipt.check_form()
    log_key = VerifierKey.parse(receipt.log_key)
    subject = receipt.subject
    record = _record(subject)
    checkpoint = subject.proof.signed_checkpoint().checkpoint
    steps.settle(1, "holds", "every part parses in its one encoding")

    # 2. Log key
    genesis = _record(receipt.genesis)
    log_keys = stated_log_keys(receipt)
    outcome, detail, demanded = judge_log_key(log_key, checkpoint.size, log_keys, trusted_keys, retired or {})
    steps.settle(2, outcome, detail)

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
        signed = subject.proof.signed_checkpoint()
        cosigners = signed.verify(keys, log_key.name)[1]
        if demanded:
            signed.verify(demanded, log_key.name)  # what the caller can check may not be left out
        return f"{log_key.name} signed a tree of {checkpoint.size} entries; known witnesses: {len(cosigners)}"

    steps.check(3, check_checkpoint, after=(2,))

    # 4. Genesis record
    def check_genesis() -> str:
        if not isinstance(genesis, LogGenesis) or receipt.genesis.index != 0:
            raise ProofInvalid("a log.genesis record at index 0 is missing")
        if genesis.origin != checkpoint.origin:
            raise UntrustedNote(f"the genesis record is of another log, {genesis.origin}")
        if isinstance(log_keys, CountermarkError):
            raise log_keys
        log_keys.check_in_force(log_key)
        for entry in (receipt.genesis, *log_key_entries(receipt)):
            verify_operator_statement(entry.read_statement(), _bytes(entry), genesis)
        changed = f", changed {len(log_keys.changes) - 1} times since" if len(log_keys.changes) > 1 else ""
        return f"entry 0 names {genesis.origin}, run by {genesis.operator}, and its keys{changed}"

    steps.check(4, check_genesis, after=(3,))

    # 5. Publisher key enrolled
    history = KeyHistory(())
    enrolment: KeyEvent | None = None

    def check_enrolment() -> str:
        nonlocal history, enrolment
        events = [_key_event(entry, genesis) for entry in receipt.keys if not _is_log_key(entry)]
        history = KeyHistory.of(events)
        for event in events:
            history.verify_handover(event)
        publisher = publisher_of(record)
        if publisher is None:
            return "the record is the operator's own: no publisher's key is involved"
        enrolment = history.enrolment(publisher, subject.read_statement().kid, subject.index)
        identity = enrolment.record.identity.sentence()
        return f"enrolled for {quote(enrolment.record.name)} at index {enrolment.index}. {identity}"

    steps.check(5, check_enrolment, after=(4,))

    # 6. Publisher key in force
    def check_in_force() -> str:
        if enrolment is None:
            return "the record is the operator's own: no publisher's key is involved"
        ending = history.ending(enrolment)
        if ending is not None and ending.index < subject.index:
            raise SignatureInvalid(f"{describe_ending(ending)}, before this record")
        later = f"; {describe_ending(ending)}, after this record" if ending else ""
        since = history.invalid_since(enrolment.record.publisher, subject.read_statement().kid, subject.index)
        later += f"; it may have been in other hands since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
        return f"no key record in this receipt ends the key before index {subject.index}{later}"

    steps.check(6, check_in_force, after=(5,))

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

    steps.check(7, check_statements, after=(5,))

    # 8. Inclusion in the log
    def check_inclusion() -> str:
        for entry in receipt.entries:
            try:
                entry.proof.verify_inclusion(entry.statement, checkpoint)
            except ProofInvalid as cause:
                raise ProofInvalid(f"entry {entry.index}: {cause}") from cause
        return f"{len(receipt.entries)} entries are in the tree of {checkpoint.size}, this one at index {subject.index}"

    steps.check(8, check_inclusion, after=(3,))

    # 9. Media
    if media_sha256 is None and pixels_sha256 is None:
        steps.settle(9, "not checked", "no media were given")
    else:
        steps.check(9, lambda: _compare_media(record, media_sha256, pixels_sha256, shown_sha256, beside), after=(7,))

    # 10. Time stamp
    timestamp: Timestamp | None = None

    def check_stamp(stamp: Stamp) -> str:
        nonlocal timestamp
        verified = verify_timestamp(stamp.token, stamp.proof.signed_checkpoint().note.text.encode(), authorities)
        _check_stamped_tree(stamp, subject, checkpoint, log_keys, trusted_keys, retired or {}, demanded)
        timestamp = verified
        return (
            f"the statement existed by {timestamp.time:%Y-%m-%d %H:%M:%S} UTC, says {timestamp.authority}, "
            f"in a tree that {log_key.name} signed"
        )

    stamp = receipt.stamp
    if stamp is None:
        steps.settle(10, "not checked", "the receipt carries no time stamp")
    elif not authorities:
        steps.settle(10, "not checked", "no time-stamping authority that you trust was named")
    else:
        steps.check(10, lambda: check_stamp(stamp), after=(7, 8))

    # 11. Origins
    chain: Chain | None = None
    sound = steps.outcome(7) == steps.outcome(8) == "holds"

    def check_link(entry: LoggedRecord) -> None:
        _verify_statement(entry, genesis, history, None)
        entry.proof.verify_inclusion(entry.statement, checkpoint)

    stamped_size = 0 if stamp is None else stamp.proof.signed_checkpoint().checkpoint.size

    def stamped(entry: LoggedRecord) -> Timestamp | None:
        return timestamp if entry.index < stamped_size else None

    contested: tuple[bytes, ...] = ()

    def check_origins() -> str:
        nonlocal chain, contested
        chain = walk(subject, receipt.chain, check_link)
        told, undecided = [chain.describe()], not chain.complete
        if sound:
            for link in {link.parent: link for link in chain.links if link.state == "proven"}.values():
                origin = next(entry for entry in receipt.chain if entry.index == link.index)
                outcome, remarks = contest(origin, receipt.chain, history, stamped)
                contested += (link.parent,) if outcome == "fails" else ()
                told += [f"record {link.parent.hex()[:16]}… ({link.relation}): {remark}" for remark in remarks]
                undecided = undecided or outcome == "not checked"
        if receipt.truncated and chain.links:
            undecided = True
            told.append("the receipt could not hold all that belongs to them")
        if contested or any(link.state == "broken" for link in chain.links):
            raise ProofInvalid("; ".join(told))
        if undecided:
            raise Undecided("; ".join(told))
        return "; ".join(told)

    steps.check(11, check_origins, after=(5,))

    return ReceiptReport(
        steps=tuple(steps.taken),
        record=record,
        record_id=record_id(_bytes(subject)),
        index=subject.index,
        log_key_pinned=steps.outcome(2) == "holds",
        checkpoint=checkpoint,
        cosigners=cosigners,
        signer=None if enrolment is None else enrolment.record,
        withdrawn=sound and is_withdrawn(subject, receipt.chain),
        disputed=sound and is_disputed(subject, receipt.chain, history, stamped),
        chain=chain,
        timestamp=timestamp,
        superseded_by=superseded_by(subject, receipt.chain) if sound else None,
        key_compromised=sound and enrolment is not None and is_compromised(subject, record, history, stamped),
        contested_origins=contested,
        truncated=receipt.truncated,
    )


def _check_stamped_tree(
    stamp: Stamp,
    subject: LoggedRecord,
    checkpoint: Checkpoint,
    log_keys: LogKeys | CountermarkError,
    trusted_keys: Sequence[VerifierKey],
    retired: Mapping[VerifierKey, int],
    demanded: Sequence[VerifierKey],
) -> None:
    """Accepts a stamped tree with the subject, signed by the log, that the tree of `checkpoint` begins with."""
    if isinstance(log_keys, CountermarkError):
        raise log_keys
    if stamp.proof.index != subject.index:
        raise ProofInvalid("the time stamp is of another entry")
    signed = stamp.proof.signed_checkpoint()
    stamped = signed.checkpoint
    if stamped.size > checkpoint.size:
        raise ProofInvalid(f"the stamped tree has {stamped.size} entries, more than that of this receipt")
    in_force = [key for key in log_keys.at(stamped.size) if stamped.size <= retired.get(key, stamped.size)]
    post_quantum = [key for key in in_force if key.key_type == ML_DSA_44 and key in (*demanded, *trusted_keys)]
    try:
        signed.verify([*in_force, *(key for key in trusted_keys if key.key_type in COSIGNATURES)], log_keys.origin)
        if post_quantum:
            signed.verify(post_quantum, log_keys.origin)
    except UntrustedNote as cause:
        raise UntrustedNote(f"the stamped tree is not one that the log had signed: {cause}") from cause
    stamp.proof.verify_inclusion(subject.statement, stamped)
    if stamped.size < checkpoint.size and not stamp.consistency:
        raise Undecided(
            "the receipt was made without a proof that its tree begins with the stamped one: fetch it again"
        )
    verify_consistency(stamped.size, stamped.root, checkpoint.size, checkpoint.root, stamp.consistency)


def _bytes(entry: LoggedRecord) -> bytes:
    """The record's bytes, which `check_form` has seen to be there."""
    assert entry.record is not None  # noqa: S101
    return entry.record


def _record(entry: LoggedRecord) -> Record:
    return parse_record(_bytes(entry))


def _is_log_key(entry: LoggedRecord) -> bool:
    return isinstance(_record(entry), LogKey)


def log_key_entries(receipt: Receipt) -> list[LoggedRecord]:
    """The `log.key` records among the keys, or the subject, in log order."""
    entries = {entry.index: entry for entry in (*receipt.keys, receipt.subject) if _is_log_key(entry)}
    return [entries[index] for index in sorted(entries)]


def stated_log_keys(receipt: Receipt) -> LogKeys | CountermarkError:
    """The log's keys as the receipt's records have them, or why they lead nowhere."""
    genesis = _record(receipt.genesis)
    if not isinstance(genesis, LogGenesis):
        return UntrustedNote("a log.genesis record at index 0 is missing")
    try:
        log_keys = LogKeys.founded(genesis)
        for entry in log_key_entries(receipt):
            record = _record(entry)
            if isinstance(record, LogKey):
                log_keys = log_keys.follow(entry.index, record)
    except CountermarkError as refusal:
        return refusal
    return log_keys


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
    publisher = publisher_of(_record(entry))
    if enrolment is not None:
        verify_statement(statement, enrolment.record.key, entry.record)
    elif publisher is not None:
        verify_statement(statement, history.key_in_force(publisher, statement.kid, entry.index), entry.record)
    elif isinstance(genesis, LogGenesis):
        verify_operator_statement(statement, entry.record, genesis)


def _compare_media(
    record: Record,
    media_sha256: bytes | None,
    pixels_sha256: bytes | None,
    shown_sha256: bytes | None,
    beside: Sequence[str],
) -> str:
    if not isinstance(record, AssetRegistered):
        raise ProofInvalid(f"a record of type {record.TYPE} states no media")
    copies = record.credential.copies if record.credential else ()
    if media_sha256 == record.media.sha256:
        return "these are the registered bytes"
    if any(media_sha256 == sha256 for sha256, *_ in copies):
        return "these are the bytes of the credentialed copy"
    files = ((record.media.sha256, record.media.pixels_sha256, record.media.shown_sha256), *copies)
    stated = {shown for _, pixels, shown in files if pixels == pixels_sha256}
    if pixels_sha256 is not None and stated:
        same = "same decoded pixels, other bytes" if media_sha256 else "same decoded pixels"
        if shown_sha256 is not None and shown_sha256 in stated:
            return same
        if shown_sha256 is not None and None not in stated:
            raise ProofInvalid(
                "same decoded pixels over white, and another transparency or colour profile to show them"
            )
        return f"{same}; not covered: {', '.join(beside) or 'transparency and colour profile of the registered file'}"
    raise ProofInvalid("these are neither the registered bytes nor pixels, nor those of the credentialed copy")
