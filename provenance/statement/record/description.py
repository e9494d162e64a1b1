"""What a publisher says about a picture in words, and how and when it came about."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Any, get_type_hints

from provenance.limits import MAX_LINE_CHARACTERS, MAX_TEXT_CHARACTERS


@dataclass(frozen=True)
class Characters:
    """Unicode code points that a text has at most."""

    at_most: int


@dataclass(frozen=True, kw_only=True)
class Description:
    """The same in a claim, in the record of a registration, and in answers.

    Attributes:
        title, caption, credit, licence: in the publisher's words.
        digital_source_type: a term or IRI of `provenance.vocabulary`; in a record always the IRI.
        captured_at: when the publisher says the picture was taken.
    """

    title: Annotated[str | None, Characters(MAX_LINE_CHARACTERS)] = None
    caption: Annotated[str | None, Characters(MAX_TEXT_CHARACTERS)] = None
    credit: Annotated[str | None, Characters(MAX_LINE_CHARACTERS)] = None
    licence: Annotated[str | None, Characters(MAX_LINE_CHARACTERS)] = None
    digital_source_type: str | None = None
    captured_at: datetime | None = None

    def described(self) -> dict[str, Any]:
        """These fields by name."""
        return {each.name: getattr(self, each.name) for each in fields(Description)}


TEXTS = {
    name: mark.at_most
    for name, hint in get_type_hints(Description, include_extras=True).items()
    for mark in getattr(hint, "__metadata__", ())
}
"""The texts of a description by name, with the characters that each has at most."""
