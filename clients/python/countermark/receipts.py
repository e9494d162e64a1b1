"""Receipts, checked with no service: what `countermark receipt verify` does, for programs."""

from collections.abc import Sequence

from countermark.content import Content, Source
from provenance.errors import MalformedNote, MediaError
from provenance.limits import MAX_MEDIA_BYTES, MAX_RECEIPT_BYTES
from provenance.transparency.encodings import parse_decimal
from provenance.transparency.note import VerifierKey
from provenance.transparency.receipt import Receipt
from provenance.transparency.receipt_verification import ReceiptReport
from provenance.transparency.receipt_verification import verify_receipt as run_procedure

MEDIA_STEP = 9


def verify_receipt(receipt: Source, picture: Source | None = None, *, log_keys: Sequence[str] = ()) -> ReceiptReport:
    """Check a `.countermark` file, and whether it is about this picture.

    Args:
        receipt: the file, or its bytes.
        picture: the picture in question, if it is to be compared: by its bytes, or else by its decoded pixels.
        log_keys: verifier keys (`name+hash+key`) of the logs and witnesses you trust. Without a log's, that the log
            is what it says is the receipt's own word: see `ReceiptReport.log_key_pinned`. Of a key that its log has
            retired say `KEY@SIZE`: it is then believed for trees of up to SIZE entries, and leads to no other key.

    Raises:
        MalformedReceipt: not a receipt, or not in its one encoding.
        MalformedNote: a log key that is none.
        InvalidRequest: a file that cannot be read.
    """
    parsed = Receipt.parse(Content.of(receipt).read(MAX_RECEIPT_BYTES))
    trusted, retired = parse_log_keys(log_keys)
    if picture is None:
        return run_procedure(parsed, trusted_keys=trusted, retired=retired)
    content = Content.of(picture)
    sha256 = bytes.fromhex(content.sha256())
    report = run_procedure(parsed, trusted_keys=trusted, retired=retired, media_sha256=sha256)
    if report.steps[MEDIA_STEP - 1].outcome != "fails":
        return report
    # Only now: decoding a stranger's picture costs more than all the rest, and is the only part that could go wrong.
    pixels = _pixels_sha256(content)
    return run_procedure(parsed, trusted_keys=trusted, retired=retired, media_sha256=sha256, pixels_sha256=pixels)


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
