"""The media of a receipt: step 9 of the procedure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from provenance.errors import ProofInvalid
from provenance.statement.appearance_digest import (
    COLOURS,
    AppearanceDigest,
    AppearanceMatch,
    clearest,
    compare_appearance,
)
from provenance.statement.record import AssetRegistered, Record


@dataclass(frozen=True)
class MediaPixels:
    """What a decoded media file shows.

    Attributes:
        sha256: digest of its decoded pixels (32 bytes; `media.fingerprints`).
        shown_sha256: its appearance digest (`media.appearance`), where the file has one.
        beside: what the file has beside its pixels, by name.
    """

    sha256: bytes
    shown_sha256: bytes | None = None
    appearance_parts: Sequence[str] = ()

    @property
    def appearance(self) -> AppearanceDigest:
        """The appearance digest with what it covers."""
        return AppearanceDigest(self.shown_sha256, may_have_colours=COLOURS in self.appearance_parts)


class StatedFile(NamedTuple):
    """What a record states of a file: SHA-256 of its bytes, and both digests of its pixels as in `MediaPixels`."""

    sha256: bytes
    pixels_sha256: bytes
    appearance: AppearanceDigest


def stated_files(record: Record) -> list[StatedFile]:
    """The registered file, then its signed copies; empty for a record of another type than a registration."""
    if not isinstance(record, AssetRegistered):
        return []
    media = record.media
    copies = record.credential.copies if record.credential else ()
    return [StatedFile(media.sha256, media.pixels_sha256, media.appearance), *(StatedFile(*copy) for copy in copies)]


def compare_media(record: Record, media_sha256: bytes | None, pixels: MediaPixels | None) -> str:
    """In words, which file of the record these media are.

    Args:
        record: of the receipt's subject.
        media_sha256: SHA-256 of the bytes at hand, 32 bytes; None where there are pixels alone.
        pixels: where they could be decoded; not needed where the bytes are those of a file of the record.

    Raises:
        ProofInvalid: neither their bytes nor their pixels are those of a file of the record.
    """
    files = stated_files(record)
    if not files:
        raise ProofInvalid(f"a record of type {record.TYPE} states no media")
    registered, *copies = files
    if media_sha256 == registered.sha256:
        return "these are the registered bytes"
    if media_sha256 in [copy.sha256 for copy in copies]:
        return "these are the bytes of the credentialed copy"
    found = {
        compare_appearance(pixels.appearance, file.appearance)
        for file in files
        if pixels is not None and file.pixels_sha256 == pixels.sha256
    }
    if pixels is None or not found:
        raise ProofInvalid("these are neither the registered bytes nor pixels, nor those of the credentialed copy")
    same = "same decoded pixels, other bytes" if media_sha256 else "same decoded pixels"
    match clearest(found):
        case AppearanceMatch.SAME:
            return same
        case AppearanceMatch.COLOURS_UNKNOWN:
            return f"{same}; not covered: {COLOURS} of the registered file"
        case AppearanceMatch.UNKNOWN:
            uncovered = ", ".join(pixels.appearance_parts) or "transparency and colour profile of the registered file"
            return f"{same}; not covered: {uncovered}"
        case AppearanceMatch.DIFFERS:
            raise ProofInvalid(
                "same decoded pixels over white, and another transparency, colour profile or colour values to show them"
            )
        case never:
            assert_never(never)
