"""Digests and fingerprints of a file, which lead to registrations without sending the file."""

from dataclasses import dataclass

from countermark.content import Content, Source
from provenance.errors import MissingExtra
from provenance.limits import MAX_MEDIA_BYTES


@dataclass(frozen=True)
class Digests:
    """What can be looked up of one file, in lowercase hex. A fingerprint gives a lead at most.

    Attributes:
        sha256: of the bytes, 64 digits.
        pixels_sha256: of the decoded pixels, 64 digits: finds a lossless copy.
        pdq: 64 digits, and the quality, 0 to 100.
        phash: 16 digits.
    """

    sha256: str
    pixels_sha256: str | None = None
    pdq: tuple[str, int] | None = None
    phash: str | None = None


def fingerprint(file: Source) -> Digests:
    """The digests and fingerprints of a picture, for `Client.lookup`; nothing is sent.

    It decodes the picture in this process: read strangers' files in one that you can lose.

    Raises:
        MediaError: not a picture that can be read.
        MissingExtra: this needs `countermark[pictures]`.
        InvalidRequest: a file that cannot be read.
    """
    return look_at(Content.of(file).read(MAX_MEDIA_BYTES))


def look_at(data: bytes, *, sha256: bytes | None = None, perceptual: bool = True) -> Digests:
    """As `fingerprint`, of bytes whose SHA-256 may be known; raises as it does.

    Without `perceptual` hashes it takes a quarter to a half of the time.
    """
    try:
        from provenance.media import Media
        from provenance.media.fingerprints import digest_drawn, searchable
    except ModuleNotFoundError as error:
        raise MissingExtra("fingerprints need more libraries: install countermark[pictures]") from error
    media = Media.from_bytes(data, sha256=sha256)
    if not perceptual:
        return Digests(media.sha256.hex(), digest_drawn(media).hex())
    prints = searchable(media)
    return Digests(
        sha256=media.sha256.hex(),
        pixels_sha256=prints.pixels_sha256.hex(),
        pdq=(prints.pdq.hex(), prints.pdq_quality),
        phash=prints.phash.hex(),
    )
