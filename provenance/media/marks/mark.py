"""One declared mark, and the cleaning of a stranger's text that every value passes."""

import unicodedata
from dataclasses import dataclass

from provenance import limits
from provenance.vocabulary import Meaning

_DROPPED = frozenset(("Cc", "Cf", "Co", "Cs"))  # control, format (bidirectional), private use, surrogates
_KEPT_FORMATS = frozenset("\u200c\u200d")  # the joiners that Persian, Indic scripts and emoji need


@dataclass(frozen=True)
class Mark:
    """What one field of the metadata says about how the picture was made. Unsigned: anybody can write it.

    Attributes:
        kind: which mark, as "iptc.digital_source_type" or "comfyui.workflow".
        value: what the file says, cleaned and bounded.
        location: the carrier, as "XMP", "PNG tEXt" or "EXIF".
        meaning: what it states, which nothing verifies.
    """

    kind: str
    value: str
    location: str
    meaning: Meaning

    @classmethod
    def of(cls, kind: str, value: str, location: str, meaning: Meaning) -> "Mark":
        """Make a mark with `value` cleaned and cut to `limits.MAX_MARK_CHARACTERS`."""
        return cls(kind, clean(value, limits.MAX_MARK_CHARACTERS), location, meaning)


def clean(text: str, most: int) -> str:
    """Return `text` on one line, at most `most` characters, without control or bidirectional characters."""
    return " ".join("".join(filter(is_kept, text[: 4 * most])).split())[:most].rstrip()


def is_kept(character: str) -> bool:
    """Whether `clean` keeps a character, or takes it as white space."""
    return character.isspace() or character in _KEPT_FORMATS or unicodedata.category(character) not in _DROPPED
