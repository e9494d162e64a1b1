"""The appearance digest of a file, `shown_sha256`, and what those of two files say of each other.

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
class AppearanceDigest:
    """The appearance digest of a file, as it was read now or as a record states it.

    Attributes:
        sha256: None where there is none.
        covers_colours: whether colour values are covered, as far as such a file can state any.
        may_have_colours: whether it may state some; of a file that was read: whether it does.
    """

    sha256: bytes | None
    covers_colours: bool = True
    may_have_colours: bool = False

    @classmethod
    def stated(cls, sha256: bytes | None, method: str | None, media_type: str) -> "AppearanceDigest":
        """As a record states it: its digest, that of which method, and of what kind of file."""
        may = media_type in STATE_COLOURS
        return cls(sha256, covers_colours=method is not None or not may, may_have_colours=may)


class AppearanceMatch(StrEnum):
    """Whether two files with the same pixels are shown the same: by transparency, profile and colour values.

    For two pictures that were compared: whether both have the same profile and colour values of those that show other
    colours.
    """

    SAME = "same"
    COLOURS_UNKNOWN = "colours unknown"
    """The same but for colour values, which one of the digests does not cover."""
    UNKNOWN = "unknown"
    DIFFERS = "differs"


def compare_appearance(one: AppearanceDigest, other: AppearanceDigest) -> AppearanceMatch:
    """What the appearance digests of two files with the same pixels say."""
    if one.sha256 is None or other.sha256 is None:
        return AppearanceMatch.UNKNOWN
    covered = one.covers_colours and other.covers_colours
    if one.sha256 == other.sha256:
        return AppearanceMatch.SAME if covered else AppearanceMatch.COLOURS_UNKNOWN
    unlike = not covered and any(each.covers_colours and each.may_have_colours for each in (one, other))
    return AppearanceMatch.UNKNOWN if unlike else AppearanceMatch.DIFFERS


def clearest(found: Collection[AppearanceMatch]) -> AppearanceMatch:
    """The strongest of these results: the one nearest to being shown the same."""
    return next(each for each in AppearanceMatch if each in found)
