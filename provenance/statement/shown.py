"""What the second pixel digests of two files, `shown_sha256`, say of each other.

The digest is of the pixels with what decides how they are shown (`media.appearance`). What it covers has grown: that
of a PNG, AVIF or HEIC in a record without `shown_method` says nothing of colour values.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

SHOWN_METHOD = "countermark-pixels-3"
"""As `countermark-pixels-2`, with which every such digest begins, and of colour values, too, where they do not say
sRGB: of files without such values both are the same digest."""

TRANSPARENCY, PROFILE, COLOURS = "transparency", "colour profile", "colour values"

STATE_COLOURS = frozenset(("image/png", "image/avif", "image/heic"))
"""Media types that can state colour values. What the others have is a profile."""


@dataclass(frozen=True)
class ShownDigest:
    """The second pixel digest of a file, as it was read now or as a record states it.

    Attributes:
        sha256: None where there is none.
        covers_colours: whether colour values are covered, as far as such a file can state any.
        may_have_colours: whether it may state some; of a file that was read: whether it does.
    """

    sha256: bytes | None
    covers_colours: bool = True
    may_have_colours: bool = False

    @classmethod
    def stated(cls, sha256: bytes | None, method: str | None, media_type: str) -> "ShownDigest":
        """As a record states it: its digest, that of which method, and of what kind of file."""
        may = media_type in STATE_COLOURS
        return cls(sha256, covers_colours=method is not None or not may, may_have_colours=may)


class Shown(StrEnum):
    """Of two files with the same pixels: whether what decides how they are shown is the same, too.

    Of two that were compared: whether a profile or colour values that show other colours are.
    """

    SAME = "same"
    COLOURS_UNKNOWN = "colours unknown"
    """The same but for colour values, which one of the digests does not cover."""
    UNKNOWN = "unknown"
    DIFFERS = "differs"


def compare_shown(one: ShownDigest, other: ShownDigest) -> Shown:
    """What the second pixel digests of two files with the same pixels say."""
    if one.sha256 is None or other.sha256 is None:
        return Shown.UNKNOWN
    covered = one.covers_colours and other.covers_colours
    if one.sha256 == other.sha256:
        return Shown.SAME if covered else Shown.COLOURS_UNKNOWN
    unlike = not covered and any(each.covers_colours and each.may_have_colours for each in (one, other))
    return Shown.UNKNOWN if unlike else Shown.DIFFERS


def clearest(found: Collection[Shown]) -> Shown:
    """Of what comparing with each of several files gave, what says most for the pixels being shown the same."""
    return next(each for each in Shown if each in found)
