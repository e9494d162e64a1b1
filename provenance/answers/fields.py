"""What a field of an answer carries beside its type, for whoever describes or reads it."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated

MAX_REPR_CHARACTERS = 240
"""Characters of an answer's `repr`: three lines of a terminal. A report would have 10,000."""


class Answer:
    """What a service says. A service states every field; one that has nothing to say is None, never missing.

    A default stands for readers: it is what an answer holds that is older than the field. `repr` shows texts, numbers
    and times, as far as they fit.
    """

    def __init_subclass__(cls) -> None:
        cls.__repr__ = _short  # type: ignore[assignment]  # `dataclass` leaves one that the class has


def _short(answer: Answer) -> str:
    named = [(field.name, getattr(answer, field.name)) for field in fields(answer)]  # type: ignore[arg-type]  # all are dataclasses
    shown: list[str] = []
    for name, value in named:
        said = f"{name}={value!r}" if isinstance(value, str | int | float | datetime) else ""
        if said and len(", ".join((*shown, said))) <= MAX_REPR_CHARACTERS:
            shown.append(said)
    return f"{type(answer).__name__}({', '.join(shown if len(shown) == len(named) else (*shown, '…'))})"


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


@dataclass(frozen=True)
class Later:
    """An answer that is kept, and is older than the field, is served as it was made: without the field."""


HEX_SHA256 = r"^[0-9a-f]{64}$"

Digest = Annotated[str, Pattern(HEX_SHA256), Doc("SHA-256, lowercase hex.")]
RecordId = Annotated[str, Pattern(HEX_SHA256), Doc("SHA-256 of a record's canonical bytes, hex.")]
