"""Receipts, checked with no service: what `countermark receipt verify` does, for programs."""

from collections.abc import Sequence
from pathlib import Path

from countermark.content import Content, Source
from provenance.errors import MalformedNote, MalformedReceipt, MediaError
from provenance.limits import MAX_ANCHOR_BYTES, MAX_ENTRY_BYTES, MAX_MEDIA_BYTES, MAX_RECEIPT_BYTES
from provenance.transparency.encodings import parse_decimal
from provenance.transparency.note import VerifierKey
from provenance.transparency.proof_verification import (
    ProofReport,
    parse_any_receipt,
    verify_tlog_proof,
    verify_transparent_statement,
)
from provenance.transparency.receipt import Receipt
from provenance.transparency.receipt_report import ReceiptReport
from provenance.transparency.receipt_verification import verify_receipt as run_procedure
from provenance.transparency.timestamp import TrustAnchor
from provenance.transparency.tlog_proof import TlogProof
from provenance.transparency.transparent_statement import TransparentStatement

MEDIA_STEP, ORIGINS_STEP = 9, 11


def verify_receipt(
    receipt: Source,
    picture: Source | None = None,
    *,
    log_keys: Sequence[str] = (),
    authorities: Sequence[Source] = (),
) -> ReceiptReport:
    """Check a `.countermark` file, and whether it is about this picture.

    Args:
        receipt: the file, or its bytes.
        picture: the picture in question, if it is to be compared: by its bytes, or else by its decoded pixels.
        log_keys: verifier keys (`name+hash+key`) of the logs and witnesses you trust. Without a log's, that the log
            is what it says is the receipt's own word: see `ReceiptReport.log_key_pinned`. Of a key that its log has
            retired say `KEY@SIZE`: it is then believed for trees of up to SIZE entries, and leads to no other key.
        authorities: certificates in PEM, a file for each time-stamping authority that you trust.

    Raises:
        MalformedReceipt: not a receipt, or not in its one encoding.
        MalformedNote: a log key that is none.
        UnusableKey: certificates that cannot be read, or without a root among them.
        InvalidRequest: a file that cannot be read.
    """
    parsed = Receipt.parse(Content.of(receipt).read(MAX_RECEIPT_BYTES))
    trusted, retired = parse_log_keys(log_keys)
    anchors = [_anchor(source) for source in authorities]
    if picture is None:
        return run_procedure(parsed, trusted_keys=trusted, retired=retired, authorities=anchors)
    content = Content.of(picture)
    sha256 = bytes.fromhex(content.sha256())
    report = run_procedure(parsed, trusted_keys=trusted, retired=retired, authorities=anchors, media_sha256=sha256)
    if report.steps[MEDIA_STEP - 1].outcome != "fails":
        return report
    # Only now: decoding a stranger's picture costs more than all the rest, and is the only part that could go wrong.
    pixels = _pixels_sha256(content)
    return run_procedure(
        parsed,
        trusted_keys=trusted,
        retired=retired,
        authorities=anchors,
        media_sha256=sha256,
        pixels_sha256=pixels,
    )


def verify_proof(proof: Source, *, log_keys: Sequence[str], entry: Source | None = None) -> ProofReport:
    """Check a `.tlog-proof` file, or a transparent statement with its COSE receipt: that a log has a statement.

    Args:
        proof: the file, or its bytes.
        log_keys: verifier keys of the logs and witnesses you trust; without a log's, nothing can be checked.
        entry: the log entry, where a tlog-proof does not carry it.

    Raises:
        MalformedReceipt: neither of the two, or not in its one encoding.
        MalformedNote: a log key that is none.
        InvalidRequest: a file that cannot be read.
    """
    trusted = [VerifierKey.parse(key) for key in log_keys]
    match parse_any_receipt(Content.of(proof).read(MAX_RECEIPT_BYTES)):
        case TlogProof() as parsed:
            logged = None if entry is None else Content.of(entry).read(MAX_ENTRY_BYTES)
            return verify_tlog_proof(parsed, trusted, logged)
        case TransparentStatement() as parsed:
            return verify_transparent_statement(parsed, trusted)
        case Receipt():
            raise MalformedReceipt("a .countermark file proves more than this: use verify_receipt")


def _anchor(source: Source) -> TrustAnchor:
    name = Path(source).stem if isinstance(source, str | Path) else "an authority"
    return TrustAnchor.from_pem(name, Content.of(source).read(MAX_ANCHOR_BYTES))


def parse_log_keys(log_keys: Sequence[str]) -> tuple[list[VerifierKey], dict[VerifierKey, int]]:
    """The keys, and of those given as `KEY@SIZE` the size. Raises MalformedNote."""
    trusted: list[VerifierKey] = []
    retired: dict[VerifierKey, int] = {}
    for text in log_keys:
        vkey, at, size = text.rpartition("@")
        bounded = at and "+" not in size  # a name may hold the sign, what stands behind it may not
        key = VerifierKey.parse(vkey if bounded else text)
        trusted.append(key)
        if bounded:
            retired[key] = parse_decimal(size, MalformedNote)
    return trusted, retired


def _pixels_sha256(content: Content) -> bytes | None:
    from provenance.media import Media
    from provenance.media.fingerprints import digest_pixels

    try:
        return digest_pixels(Media.from_bytes(content.read(MAX_MEDIA_BYTES)).pixels)
    except MediaError:
        return None
