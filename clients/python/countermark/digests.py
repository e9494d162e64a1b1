"""Digests and fingerprints of a file, which lead to registrations without sending the file."""

from dataclasses import dataclass


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
