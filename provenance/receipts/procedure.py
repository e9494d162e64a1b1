"""Checking a receipt offline, step by step: what holds, what fails, and what could not be checked."""

from collections.abc import Callable, Mapping, Sequence

from provenance.errors import CountermarkError, ProofInvalid, SignatureInvalid, UntrustedNote
from provenance.quotation import quote
from provenance.receipts.media import MediaPixels, compare_media, stated_files
from provenance.receipts.origins import (
    Chain,
    contest,
    is_compromised,
    is_disputed,
    is_withdrawn,
    superseded_by,
    walk,
)
from provenance.receipts.receipt import LoggedRecord, Receipt, Stamp
from provenance.receipts.report import ReceiptReport, Steps, Undecided
from provenance.statement.record import LogGenesis, LogKey, PublisherKey, Record
from provenance.statement.statement import verify_statement
from provenance.transparency.checkpoint import Cosigner
from provenance.transparency.key_history import (
    KeyEvent,
    KeyHistory,
    describe_ending,
    publisher_of,
    verify_key_record,
    verify_operator_statement,
)
from provenance.transparency.log_keys import LogKeys, judge_log_key
from provenance.transparency.merkle import verify_consistency
from provenance.transparency.note import COSIGNATURES, ML_DSA_44, VerifierKey
from provenance.transparency.timestamp import Timestamp, TimestampAuthority, verify_timestamp


def verify_receipt(
    receipt: Receipt,
    *,
    trusted_keys: Sequence[VerifierKey] = (),
    retired: Mapping[VerifierKey, int] | None = None,
    media_sha256: bytes | None = None,
    pixels: Callable[[], MediaPixels | None] | None = None,
    authorities: Sequence[TimestampAuthority] = (),
) -> ReceiptReport:
    """Run the whole procedure on a receipt, see `ReceiptVerification`; failures are collected, not raised.

    Args:
        receipt: from `Receipt.parse`.
        trusted_keys: Ed25519 and ML-DSA-44 keys of logs, and cosignature/v1 and ML-DSA-44 keys of witnesses, which the
            caller has from elsewhere. A log's ML-DSA-44 key is named as its origin.
        retired: which of the trusted keys their log has retired, with the size of the largest tree that each signs.
        media_sha256: SHA-256 of the media file's bytes (32 bytes), if there is one to check.
        pixels: decodes it, or gives None where it cannot be decoded. Asked once at most, and only where the steps that
            step 9 depends on hold, and these bytes are not the registered ones: decoding a stranger's picture costs
            more than all the rest. What it raises is raised here.
        authorities: time-stamping authorities that the caller trusts.

    Raises:
        MalformedReceipt: the receipt holds a part that does not parse (step 1).
    """
    return ReceiptVerification(
        receipt,
        trusted_keys=trusted_keys,
        retired=retired,
        media_sha256=media_sha256,
        pixels=pixels,
        authorities=authorities,
    ).run()


class ReceiptVerification:
    """The procedure of checking a receipt, a method for each step, as in docs/reference/receipts.md.

    1. **Receipt well-formed**. Every part of the receipt parses, in its one encoding, within `limits`.
    2. **Log key**. It is one that the caller trusts, or one that a trusted key has handed over to, in `log.key` records
       of this receipt; and it is not one of which the caller knows that it was retired at a smaller size. Without
       such a key this is not checked: the log is then only who the receipt says it is, and whoever made the receipt
       may have made the log.
    3. **Checkpoint signature**. One tree: all proofs carry the same checkpoint, signed with the log key, and with the
       log's ML-DSA-44 key where the caller trusts one; a witness that the caller knows and that cosigned it did so
       validly. (Two trees could be two branches of a log that forks.) *Depends on step 2.*
    4. **Genesis record**. It is entry 0, names this log, and is signed by an operator key it names. From the keys it
       names, the `log.key` records lead to those in force for a tree of this size, and the log key is one of these.
       Each is signed by an operator key, the keys before it and the keys after it. *Depends on step 3.*
    5. **Publisher key enrolled**. Each publisher's key record is signed by an operator key and, but for revocations,
       carries a proof of possession; a rotation is signed by the key that it replaces. And one of them, before the
       subject, enrols the subject's key for the subject's publisher. *Depends on step 4.*
    6. **Publisher key in force**. No key record between that one and the subject revokes or replaces the key. *Depends
       on step 5.*
    7. **Statement**. The subject's statement is about the subject's record, and signed with that key. So is every
       statement of the chain, with a key in force at its index. *Depends on step 5.*
    8. **Inclusion in the log**. Every entry's statement is in the tree of the checkpoint, at its index. *Depends on
       step 3.*
    9. **Media**. They are the registered bytes, the credentialed copy's bytes, or have the registered pixels. *Depends
       on step 7.*
    10. **Time stamp**. The subject's statement is in a tree that one of the caller's time-stamping authorities stamped.
        The log had signed that tree, with a key in force for its size, and the receipt's tree is the same or has grown
        from it. (Whoever knows the log's tree can make a next one of its own and have that stamped.) Not checked where
        the receipt carries no token, or no proof that its tree begins with the stamped one, or the caller trusts no
        authority. *Depends on steps 7 and 8.*
    11. **Origins**. Every registration that the subject was made from, up to the origins, is in the chain, with its
        record, its signature, a key in force, and its place in the log before what was made from it. A link that does
        not hold is named, and all behind it is unproven. Nor was one withdrawn, disputed, or signed with a key that may
        have been compromised: what was made from it is proven all the same. Where a record is withheld or missing,
        or the receipt says that it could not hold everything, this is not checked. *Depends on step 5.*

    A step that depends on a failed one is not checked.

    The caller still owes: where the trusted keys come from; how many cosigners are enough, and how recent; the
    digests of the media; whether to believe how the publisher's identity was established; and, against a log or a
    messenger that withholds, asking the registry for key records and withdrawals that this receipt does not show.

    Attributes:
        log_keys: the log's keys as the receipt's own records have them, or why they lead nowhere. Proven where steps 2
            to 4 and 8 hold.
    """

    def __init__(
        self,
        receipt: Receipt,
        *,
        trusted_keys: Sequence[VerifierKey] = (),
        retired: Mapping[VerifierKey, int] | None = None,
        media_sha256: bytes | None = None,
        pixels: Callable[[], MediaPixels | None] | None = None,
        authorities: Sequence[TimestampAuthority] = (),
    ) -> None:
        """Arguments and errors are those of `verify_receipt`."""
        receipt.check_form()  # step 1
        self._receipt = receipt
        self._trusted = trusted_keys
        self._retired = retired or {}
        self._media_sha256 = media_sha256
        self._pixels = pixels
        self._authorities = authorities

        self._subject = receipt.subject
        self._record = _record(receipt.subject)
        self._genesis = _record(receipt.genesis)
        self._checkpoint = receipt.subject.proof.signed_checkpoint().checkpoint
        self.log_keys = self._stated_log_keys()

        # What a step finds, for those that depend on it and for the report.
        self._steps = Steps()
        self._demanded: Sequence[VerifierKey] = ()
        self._cosigners: tuple[Cosigner, ...] = ()
        self._history = KeyHistory(())
        self._enrolment: KeyEvent | None = None
        self._timestamp: Timestamp | None = None
        self._chain: Chain | None = None
        self._contested: tuple[bytes, ...] = ()

    def run(self) -> ReceiptReport:
        """Take the steps, in their order."""
        steps = self._steps
        steps.settle(1, "holds", "every part parses in its one encoding")
        self._judge_log_key()
        steps.check(3, self._check_checkpoint)
        steps.check(4, self._check_genesis)
        steps.check(5, self._check_enrolment)
        steps.check(6, self._check_in_force)
        steps.check(7, self._check_statements)
        steps.check(8, self._check_inclusion)
        self._check_media()
        self._check_stamp()
        steps.check(11, self._check_origins)
        return self._report()

    @property
    def log_key_entries(self) -> list[LoggedRecord]:
        """The `log.key` records among the keys, or the subject, in log order."""
        entries = {
            entry.index: entry
            for entry in (*self._receipt.keys, self._subject)
            if isinstance(entry.parsed_record, LogKey)
        }
        return [entries[index] for index in sorted(entries)]

    def _stated_log_keys(self) -> LogKeys | CountermarkError:
        if not isinstance(self._genesis, LogGenesis):
            return UntrustedNote("a log.genesis record at index 0 is missing")
        try:
            log_keys = LogKeys.from_genesis(self._genesis)
            for entry in self.log_key_entries:
                if isinstance(entry.parsed_record, LogKey):
                    log_keys = log_keys.follow(entry.index, entry.parsed_record)
        except CountermarkError as refusal:
            return refusal
        return log_keys

    def _judge_log_key(self) -> None:
        """Step 2."""
        key, size = self._receipt.parsed_log_key, self._checkpoint.size
        outcome, detail, self._demanded = judge_log_key(key, size, self.log_keys, self._trusted, self._retired)
        self._steps.settle(2, outcome, detail)

    def _check_checkpoint(self) -> str:
        """Step 3."""
        log_key, checkpoint = self._receipt.parsed_log_key, self._checkpoint
        keys = [log_key, *self._cosigning_keys]
        cosigners = {}
        for proof in {entry.proof.checkpoint: entry.proof for entry in self._receipt.entries}.values():
            signed = proof.signed_checkpoint()
            if signed.checkpoint != checkpoint:
                raise UntrustedNote("the proofs are for different trees")
            cosigners[proof.checkpoint] = signed.verify(keys, log_key.name)[1]
        self._cosigners = cosigners[self._subject.proof.checkpoint]
        if self._demanded:  # what the caller can check may not be left out
            self._subject.proof.signed_checkpoint().verify(self._demanded, log_key.name)
        return f"{log_key.name} signed a tree of {checkpoint.size} entries; known witnesses: {len(self._cosigners)}"

    @property
    def _cosigning_keys(self) -> list[VerifierKey]:
        return [key for key in self._trusted if key.key_type in COSIGNATURES]

    def _check_genesis(self) -> str:
        """Step 4."""
        genesis, log_keys = self._genesis, self.log_keys
        if not isinstance(genesis, LogGenesis) or self._receipt.genesis.index != 0:
            raise ProofInvalid("a log.genesis record at index 0 is missing")
        if genesis.origin != self._checkpoint.origin:
            raise UntrustedNote(f"the genesis record is of another log, {genesis.origin}")
        if isinstance(log_keys, CountermarkError):
            raise log_keys
        log_keys.check_in_force(self._receipt.parsed_log_key)
        for entry in (self._receipt.genesis, *self.log_key_entries):
            verify_operator_statement(entry.parsed_statement, _bytes(entry), genesis)
        changed = f", changed {len(log_keys.changes) - 1} times since" if len(log_keys.changes) > 1 else ""
        return f"entry 0 names {genesis.origin}, run by {genesis.operator}, and its keys{changed}"

    def _check_enrolment(self) -> str:
        """Step 5."""
        keys = [entry for entry in self._receipt.keys if not isinstance(entry.parsed_record, LogKey)]
        events = [_key_event(entry, self._genesis) for entry in keys]
        self._history = KeyHistory.of(events)
        for event in events:
            self._history.verify_handover(event)
        publisher = publisher_of(self._record)
        if publisher is None:
            return _OPERATORS_OWN
        self._enrolment = self._history.enrolment(publisher, self._subject.parsed_statement.kid, self._subject.index)
        signer = self._enrolment.record
        return f"enrolled for {quote(signer.name)} at index {self._enrolment.index}. {signer.identity.sentence()}"

    def _check_in_force(self) -> str:
        """Step 6."""
        if self._enrolment is None:
            return _OPERATORS_OWN
        subject, publisher = self._subject, self._enrolment.record.publisher
        ending = self._history.ending(self._enrolment)
        if ending is not None and ending.index < subject.index:
            raise SignatureInvalid(f"{describe_ending(ending)}, before this record")
        later = f"; {describe_ending(ending)}, after this record" if ending else ""
        since = self._history.invalid_since(publisher, subject.parsed_statement.kid, subject.index)
        later += f"; it may have been in other hands since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
        return f"no key record in this receipt ends the key before index {subject.index}{later}"

    def _check_statements(self) -> str:
        """Step 7."""
        chain = self._receipt.chain
        for entry in (self._subject, *chain):
            try:
                self._verify_statement(entry)
            except CountermarkError as cause:
                raise SignatureInvalid(f"entry {entry.index}: {cause}") from cause
        unread = sum(entry.record is None for entry in chain)
        rest = f"; {unread} of the chain could not be read, because their records are withheld" if unread else ""
        return f"the statement is about this record and signed with that key; chain: {len(chain)} more{rest}"

    def _verify_statement(self, entry: LoggedRecord) -> None:
        """Check one entry's statement: the subject's with the key that step 5 has found, others with one in force."""
        if entry.record is None or entry.parsed_record is None:
            return
        statement, publisher = entry.parsed_statement, publisher_of(entry.parsed_record)
        if entry is self._subject and self._enrolment is not None:
            verify_statement(statement, self._enrolment.record.key, entry.record)
        elif publisher is not None:
            key = self._history.key_in_force(publisher, statement.kid, entry.index)
            verify_statement(statement, key, entry.record)
        elif isinstance(self._genesis, LogGenesis):
            verify_operator_statement(statement, entry.record, self._genesis)

    def _check_inclusion(self) -> str:
        """Step 8."""
        entries, size = self._receipt.entries, self._checkpoint.size
        for entry in entries:
            try:
                self._verify_inclusion(entry)
            except ProofInvalid as cause:
                raise ProofInvalid(f"entry {entry.index}: {cause}") from cause
        return f"{len(entries)} entries are in the tree of {size}, this one at index {self._subject.index}"

    def _verify_inclusion(self, entry: LoggedRecord) -> None:
        entry.proof.verify_inclusion(entry.statement, self._checkpoint)

    def _check_media(self) -> None:
        """Step 9."""
        if self._media_sha256 is None and self._pixels is None:
            self._steps.settle(9, "not checked", "no media were given")
            return
        stated = [file.sha256 for file in stated_files(self._record)]
        needed = stated and self._media_sha256 not in stated and self._steps.failed_dependency(9) is None
        # Asked outside of the check: a file that cannot be read is no failure of the receipt.
        pixels = self._pixels() if needed and self._pixels is not None else None
        self._steps.check(9, lambda: compare_media(self._record, self._media_sha256, pixels))

    def _check_stamp(self) -> None:
        """Step 10."""
        stamp = self._receipt.stamp
        if stamp is None:
            self._steps.settle(10, "not checked", "the receipt carries no time stamp")
        elif not self._authorities:
            self._steps.settle(10, "not checked", "no time-stamping authority that you trust was named")
        else:
            self._steps.check(10, lambda: self._verify_stamp(stamp))

    def _verify_stamp(self, stamp: Stamp) -> str:
        text = stamp.proof.signed_checkpoint().note.text
        verified = verify_timestamp(stamp.token, text.encode(), self._authorities)
        self._verify_stamped_tree(stamp)
        self._timestamp = verified
        return (
            f"the statement existed by {verified.time:%Y-%m-%d %H:%M:%S} UTC, says {verified.authority}, "
            f"in a tree that {self._receipt.parsed_log_key.name} signed"
        )

    def _verify_stamped_tree(self, stamp: Stamp) -> None:
        """Accepts a stamped tree with the subject, signed by the log, that the receipt's tree begins with."""
        log_keys, tree = self.log_keys, self._checkpoint
        if isinstance(log_keys, CountermarkError):
            raise log_keys
        if stamp.proof.index != self._subject.index:
            raise ProofInvalid("the time stamp is of another entry")
        signed = stamp.proof.signed_checkpoint()
        stamped = signed.checkpoint
        if stamped.size > tree.size:
            raise ProofInvalid(f"the stamped tree has {stamped.size} entries, more than that of this receipt")
        in_force = [key for key in log_keys.at(stamped.size) if stamped.size <= self._retired.get(key, stamped.size)]
        known = (*self._demanded, *self._trusted)
        post_quantum = [key for key in in_force if key.key_type == ML_DSA_44 and key in known]
        try:
            signed.verify([*in_force, *self._cosigning_keys], log_keys.origin)
            if post_quantum:
                signed.verify(post_quantum, log_keys.origin)
        except UntrustedNote as cause:
            raise UntrustedNote(f"the stamped tree is not one that the log had signed: {cause}") from cause
        stamp.proof.verify_inclusion(self._subject.statement, stamped)
        if stamped.size < tree.size and not stamp.consistency:
            raise Undecided(
                "the receipt was made without a proof that its tree begins with the stamped one: fetch it again"
            )
        verify_consistency(stamped.size, stamped.root, tree.size, tree.root, stamp.consistency)

    def _time_stamp_of(self, entry: LoggedRecord) -> Timestamp | None:
        """What the time stamp states of an entry, where step 10 holds: nothing of those behind the stamped tree."""
        stamp = self._receipt.stamp
        covered = stamp is not None and entry.index < stamp.proof.signed_checkpoint().checkpoint.size
        return self._timestamp if covered else None

    def _check_origins(self) -> str:
        """Step 11."""
        self._chain = chain = walk(self._subject, self._receipt.chain, self._verify_origin)
        sentences, undecided = [chain.describe()], not chain.complete
        if self._sound:
            for link in {link.parent: link for link in chain.links if link.state == "proven"}.values():
                origin = next(entry for entry in self._receipt.chain if entry.index == link.index)
                outcome, remarks = contest(origin, self._receipt.chain, self._history, self._time_stamp_of)
                self._contested += (link.parent,) if outcome == "fails" else ()
                sentences += [f"record {link.parent.hex()[:16]}… ({link.relation}): {remark}" for remark in remarks]
                undecided = undecided or outcome == "not checked"
        if self._receipt.truncated and chain.links:
            undecided = True
            sentences.append("the receipt could not hold all that belongs to them")
        if self._contested or any(link.state == "broken" for link in chain.links):
            raise ProofInvalid("; ".join(sentences))
        if undecided:
            raise Undecided("; ".join(sentences))
        return "; ".join(sentences)

    def _verify_origin(self, entry: LoggedRecord) -> None:
        self._verify_statement(entry)
        self._verify_inclusion(entry)

    @property
    def _sound(self) -> bool:
        """Whether the chain is verified: every statement is signed, and in the log."""
        return self._steps.outcome(7) == self._steps.outcome(8) == "holds"

    def _report(self) -> ReceiptReport:
        subject, record, chain, sound = self._subject, self._record, self._receipt.chain, self._sound
        signed = sound and self._enrolment is not None
        return ReceiptReport(
            steps=tuple(self._steps.taken),
            record=record,
            record_id=subject.record_id,
            index=subject.index,
            log_key_pinned=self._steps.outcome(2) == "holds",
            checkpoint=self._checkpoint,
            cosigners=self._cosigners,
            signer=None if self._enrolment is None else self._enrolment.record,
            withdrawn=sound and is_withdrawn(subject, chain),
            disputed=sound and is_disputed(subject, chain, self._history, self._time_stamp_of),
            chain=self._chain,
            timestamp=self._timestamp,
            superseded_by=superseded_by(subject, chain) if sound else None,
            key_compromised=signed and is_compromised(subject, record, self._history, self._time_stamp_of),
            contested_origins=self._contested,
            truncated=self._receipt.truncated,
        )


_OPERATORS_OWN = "the record is the operator's own: no publisher's key is involved"


def _bytes(entry: LoggedRecord) -> bytes:
    """The record's bytes, which `check_form` has seen to be there."""
    assert entry.record is not None  # noqa: S101
    return entry.record


def _record(entry: LoggedRecord) -> Record:
    """The record, which `check_form` has seen to be there."""
    assert entry.parsed_record is not None  # noqa: S101
    return entry.parsed_record


def _key_event(entry: LoggedRecord, genesis: Record) -> KeyEvent:
    record = entry.parsed_record
    try:
        if not isinstance(record, PublisherKey) or not isinstance(genesis, LogGenesis):
            raise SignatureInvalid("not a publisher.key record")
        verify_operator_statement(entry.parsed_statement, _bytes(entry), genesis)
        verify_key_record(record, genesis)
    except SignatureInvalid as cause:
        raise SignatureInvalid(f"key record at index {entry.index}: {cause}") from cause
    return KeyEvent(entry.index, record)
