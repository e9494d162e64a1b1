"""Receipts, checked with no service: what `countermark receipt verify` does, for programs."""

from collections.abc import Sequence
from pathlib import Path

from countermark.files import FileToSend
from provenance.errors import InvalidRequest, MediaError
from provenance.limits import MAX_MEDIA_BYTES, MAX_RECEIPT_BYTES
from provenance.media import Media, fingerprint
from provenance.transparency.note import VerifierKey
from provenance.transparency.receipt import Receipt
from provenance.transparency.receipt_verification import ReceiptReport
from provenance.transparency.receipt_verification import verify_receipt as run_procedure


def verify_receipt(
    receipt: Path | str | bytes, picture: Path | str | bytes | None = None, *, log_keys: Sequence[str] = ()
) -> ReceiptReport:
    """Check a `.countermark` file, and whether it is about this picture.

    Args:
        receipt: the file, or its bytes.
        picture: the picture in question, if it is to be compared: its bytes, or else its decoded pixels.
        log_keys: verifier keys (`origin+hash+key`) of the logs you trust. Without them the log key is the receipt's word.

    Raises:
        MalformedReceipt: not a receipt, or not in its one encoding.
        MalformedNote: a log key that is none.
        InvalidRequest: a file that cannot be read.
    """
    parsed = Receipt.parse(_read(receipt, MAX_RECEIPT_BYTES))
    trusted = [VerifierKey.parse(key) for key in log_keys]
    if picture is None:
        return run_procedure(parsed, trusted_keys=trusted)
    data = _read(picture, MAX_MEDIA_BYTES)
    sha256, pixels_sha256 = None, None
    try:
        media = Media.from_bytes(data)
        sha256, pixels_sha256 = media.sha256, fingerprint(media).pixels_sha256
    except MediaError:
        sha256 = bytes.fromhex(FileToSend.of(data).sha256())
    return run_procedure(parsed, trusted_keys=trusted, media_sha256=sha256, pixels_sha256=pixels_sha256)


def _read(source: Path | str | bytes, limit: int) -> bytes:
    if isinstance(source, bytes):
        return source
    file = FileToSend.of(source)
    if file.size > limit:
        raise InvalidRequest(f"{source} has {file.size} bytes; {limit} is the most that is read")
    return b"".join(file.chunks())
