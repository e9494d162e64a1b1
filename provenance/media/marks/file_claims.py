"""What a file says of itself, as claims that a publisher may take over, in the bounds of a record.

Title, caption, byline, credit, rights and date taken alone. Places, serial numbers, owners and EXIF's artist, which
cameras fill with their owner's name, are never among them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from provenance.limits import MAX_LINE_CHARACTERS, MAX_TEXT_CHARACTERS
from provenance.media.marks.declared import Editorial, read_editorial
from provenance.media.marks.mark import clean, is_kept
from provenance.media.media import Media
from provenance.statement.codec import is_visible


@dataclass(frozen=True)
class FileClaims:
    """Claims by the names of `provenance.claims.Claims`; None where the file says nothing that a record can hold.

    Attributes:
        captured_at: UTC, whole seconds.
        notes: what was left out, cut or guessed, and why.
    """

    title: str | None = None
    caption: str | None = None
    byline: str | None = None
    credit: str | None = None
    rights: str | None = None
    captured_at: datetime | None = None
    notes: tuple[str, ...] = ()

    def stated(self) -> dict[str, str | datetime]:
        """What the file says, by name."""
        said = ((each.name, getattr(self, each.name)) for each in fields(self) if each.name != "notes")
        return {name: value for name, value in said if value is not None}


_OF = {"title": "title", "caption": "caption", "byline": "creator", "credit": "credit", "rights": "rights"}


def read_file_claims(media: Media) -> FileClaims:
    """Read the claims of a file. Nothing is decoded or raised: what cannot be read is told in `notes`."""
    found = read_editorial(media)
    notes = list(found.notes)
    texts = {name: _bounded(name, found.texts.get(field, ""), notes) for name, field in _OF.items()}
    return FileClaims(**texts, captured_at=_taken(found, notes), notes=tuple(notes))


def _bounded(name: str, text: str, notes: list[str]) -> str | None:
    """The text as a record holds it: a caption in its lines, the others on one."""
    most = MAX_TEXT_CHARACTERS if name == "caption" else MAX_LINE_CHARACTERS
    lines = text[: 4 * most].splitlines() if name == "caption" else [text[: 4 * most]]
    kept = "\n".join(filter(None, (clean(line, most) for line in lines)))[:most].rstrip()
    if text.strip() and not is_visible(kept):
        notes.append(f"{name} left out: nothing of it is visible")
        return None
    if not all(map(is_kept, text[: 4 * most])):
        notes.append(f"{name}: characters that cannot be shown were left out")
    if len(" ".join(text.split())) > most:
        notes.append(f"{name} cut to {most:,} characters")
    return kept or None


def _taken(found: Editorial, notes: list[str]) -> datetime | None:
    """When it was taken, if some field names the time zone and none contradicts it."""
    if not found.moments:
        return None
    first = found.moments[0]
    zoned = next(_zoned(first, found.moments), None)
    if zoned is None:
        notes.append(f"date taken left out: {first:%Y-%m-%d %H:%M:%S} has no time zone")
        return None
    try:
        return zoned.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        notes.append("date taken left out: UTC cannot express it")
        return None


def _zoned(first: datetime, moments: tuple[datetime, ...]) -> Iterator[datetime]:
    """Moments with a time zone; where the preferred field has none, those that name the same time of the clock."""
    for each in moments:
        if each.tzinfo is not None and (
            first.tzinfo is not None or abs(each.replace(tzinfo=None) - first).total_seconds() < 1
        ):
            yield each
