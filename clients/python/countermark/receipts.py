"""Checking receipts offline: `countermark receipt verify` for programs."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from countermark.content import Content, Source
from countermark.trust import Trust
from provenance.errors import MalformedReceipt, MediaError, MissingExtra
from provenance.limits import MAX_ANCHOR_BYTES, MAX_ENTRY_BYTES, MAX_MEDIA_BYTES, MAX_RECEIPT_BYTES
from provenance.receipts.followed_keys import follow_log_keys
from provenance.receipts.media import MediaPixels
from provenance.receipts.origins import Chain, Link
from provenance.receipts.other_formats import (
    ProofReport,
    parse_any_receipt,
    verify_tlog_proof,
    verify_transparent_statement,
)
from provenance.receipts.procedure import verify_receipt as run_procedure
from provenance.receipts.receipt import Receipt
from provenance.receipts.report import ReceiptReport, Step
from provenance.statement.keys import Algorithm
from provenance.statement.statement import Statement
from provenance.transparency.checkpoint import Checkpoint, Cosigner
from provenance.transparency.cose_receipt import TransparentStatement
from provenance.transparency.note import VerifierKey
from provenance.transparency.policy import Witnessing
from provenance.transparency.timestamp import Timestamp, TimestampAuthority
from provenance.transparency.tlog_proof import TlogProof

__all__ = [
    "Algorithm",
    "Chain",
    "Checkpoint",
    "Cosigner",
    "Link",
    "ProofReport",
    "ReceiptReport",
    "Statement",
    "Step",
    "Timestamp",
    "VerifierKey",
    "Witnessing",
    "verify_proof",
    "verify_receipt",
]


def verify_receipt(
    receipt: Source,
    picture: Source | None = None,
    *,
    log_keys: Sequence[str] = (),
    authorities: Sequence[Source] = (),
    policy: Source | None = None,
    max_age: float | None = None,
) -> ReceiptReport:
    """Check a `.countermark` file, and optionally that it is for a picture.

    Args:
        receipt: the file, or its bytes.
        picture: the picture to compare, by its bytes, or else by its decoded pixels.
        log_keys: verifier keys (`name+hash+key`) of the logs and witnesses you trust. Without a log's key the receipt
            only claims to be of its log: see `ReceiptReport.log_key_pinned`. Give a retired key as `KEY@SIZE`: it is
            then trusted for trees of up to SIZE entries, and for no key that follows it. A cosignature by each witness
            whose key is given is required: see `ReceiptReport.witnessing`.
        authorities: certificates in PEM, one file for each time-stamping authority that you trust.
        policy: a C2SP tlog-policy file: the logs and witnesses that you trust, and the required quorum.
        max_age: maximum age of the newest cosignature, in seconds.

    Raises:
        MalformedReceipt: not a receipt, or not in canonical form.
        MalformedNote: a malformed log key.
        UnusableKey: malformed certificates, or no root among them.
        InvalidRequest: a file that cannot be read.
        MissingExtra: the picture's bytes are not the registered ones, and comparing its pixels needs
            `countermark[pictures]`.
    """
    parsed = Receipt.parse(Content.of(receipt).read(MAX_RECEIPT_BYTES))
    trust = Trust.of(log_keys, policy, max_age)
    content = None if picture is None else Content.of(picture)
    report = run_procedure(
        parsed,
        trusted_keys=_known_to(parsed.subject.proof.signed_checkpoint().checkpoint.origin, trust),
        retired=trust.retired,
        media_sha256=None if content is None else bytes.fromhex(content.sha256()),
        pixels=None if content is None else lambda: _pixels(content),
        authorities=[_anchor(source) for source in authorities],
    )
    requirement = trust.requirement(report.checkpoint.origin)
    return replace(report, witnessing=requirement.judge(report.cosigners, now=time.time()))


def verify_proof(
    proof: Source,
    *,
    log_keys: Sequence[str] = (),
    entry: Source | None = None,
    keys: Source | None = None,
    policy: Source | None = None,
    max_age: float | None = None,
) -> ProofReport:
    """Check that a log has a statement, by a `.tlog-proof` file or a transparent statement with its COSE receipt.

    Args:
        proof: the file, or its bytes.
        log_keys: verifier keys of the logs and witnesses you trust, or `KEY@SIZE`; without a log's key nothing can be
            checked.
        entry: the log entry, if the tlog-proof does not carry it.
        keys: if the log has rotated its keys, a newer `.countermark` file of that log: its `log.key` records lead
            from a key you trust to the current keys.
        policy: as in `verify_receipt`. A COSE receipt carries no cosignatures.
        max_age: as in `verify_receipt`.

    Raises:
        UntrustedNote: `keys` does not start from a key you trust.
        MalformedReceipt: neither of the two formats, or not in canonical form.
        MalformedNote: a malformed log key.
        InvalidRequest: a file that cannot be read.
    """
    trust = Trust.of(log_keys, policy, max_age)
    followed = None
    if keys is not None:
        newer = Receipt.parse(Content.of(keys).read(MAX_RECEIPT_BYTES))
        followed = follow_log_keys(newer, trust.keys, trust.retired)
    match parse_any_receipt(Content.of(proof).read(MAX_RECEIPT_BYTES)):
        case TlogProof() as parsed:
            logged = None if entry is None else Content.of(entry).read(MAX_ENTRY_BYTES)
            trusted = _known_to(parsed.signed_checkpoint().checkpoint.origin, trust)
            report = verify_tlog_proof(parsed, trusted, logged, retired=trust.retired, followed=followed)
        case TransparentStatement() as parsed:
            report = verify_transparent_statement(parsed, trust.keys, retired=trust.retired, followed=followed)
        case Receipt():
            raise MalformedReceipt("this is a .countermark file: use verify_receipt")
    return replace(report, witnessing=trust.requirement(report.log).judge(report.cosigners, now=time.time()))


def _known_to(origin: str, trust: Trust) -> list[VerifierKey]:
    """The keys for checking a log's checkpoint: all but those of a policy's witnesses with the log's name."""
    if trust.policy is None:
        return list(trust.keys)
    foreign = {witness.key for witness in trust.policy.witnesses if witness.key.name == origin}
    return [key for key in trust.keys if key not in foreign]


def _anchor(source: Source) -> TimestampAuthority:
    name = Path(source).stem if isinstance(source, str | Path) else "an authority"
    return TimestampAuthority.from_pem(name, Content.of(source).read(MAX_ANCHOR_BYTES))


def _pixels(content: Content) -> MediaPixels | None:
    """The picture's pixels; None if it cannot be decoded. Raises MissingExtra, and as `Content.read`."""
    try:
        from provenance.media import Media
        from provenance.media.appearance import digest_appearance, read_appearance
        from provenance.media.fingerprints import digest_drawn
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "the picture's bytes are not the registered ones, and comparing pixels needs more libraries: "
            "install countermark[pictures]"
        ) from error
    try:
        media = Media.from_bytes(content.read(MAX_MEDIA_BYTES))
        pixels, appearance = digest_drawn(media), read_appearance(media)
    except MediaError:
        return None
    return MediaPixels(pixels, digest_appearance(pixels, appearance), appearance.names)
