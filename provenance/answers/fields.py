"""What a field of an answer carries beside its type, for whoever describes or reads it."""

from dataclasses import dataclass
from typing import Annotated


class Answer:
    """What a service says. A service states every field; one that has nothing to say is None, never missing.

    A default stands for readers: it is what an answer holds that is older than the field.
    """


@dataclass(frozen=True)
class Doc:
    """What the field says, in words."""

    text: str


@dataclass(frozen=True)
class Pattern:
    """The regular expression (ECMA 262) that the text matches."""

    regex: str


@dataclass(frozen=True, init=False)
class Values:
    """The values that this version states. A reader takes others as well: a newer service may have more."""

    values: tuple[str, ...]

    def __init__(self, *values: str) -> None:
        object.__setattr__(self, "values", values)


@dataclass(frozen=True)
class NeverNull:
    """The field is None in answers alone that are older than it."""


HEX_SHA256 = r"^[0-9a-f]{64}$"

Digest = Annotated[str, Pattern(HEX_SHA256), Doc("SHA-256, lowercase hex.")]
RecordId = Annotated[str, Pattern(HEX_SHA256), Doc("SHA-256 of a record's canonical bytes, hex.")]
