"""Records on an asset: its registration, revelation and withdrawal by the publisher, its erasure by the operator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from provenance.limits import MAX_FINGERPRINTS
from provenance.statement.canonical_json import Json
from provenance.statement.codec import PublisherId, Sha256, Text, Timestamp, array, choice, mapping, refusal
from provenance.statement.record.facts import CredentialFacts, Description, MediaFacts, Parents, SketchFacts, Stated

Visibility = Literal["sealed"]
"""How a record is kept back; one that anybody may read says nothing about it."""


FILE_FIELDS = ("title", "caption", "byline", "credit", "rights", "captured_at")
"""What a registration may have from the file's own metadata, in this order."""


@dataclass(frozen=True)
class AssetRegistered(Description, Stated):
    """A registration: a publisher states that it released this file, and what it says about the picture.

    Attributes:
        publisher: the publisher's id.
        media: the file as the publisher sent it.
        fingerprints: by algorithm name (`media.fingerprints.Fingerprints.to_json`).
        sketch: what copies are compared with.
        credential: the C2PA credential that was made for it.
        captured_at: when the publisher says the picture was taken.
        from_file: which of `FILE_FIELDS` were read from the file's own metadata, and not stated by the publisher.
        parents: what it was made from.
        rendition_of: record id of the asset that this is another size, crop or format of, 32 bytes.
        visibility: `sealed` where the registry keeps the record back until an `asset.revealed` record follows.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "asset.registered"

    publisher: PublisherId
    media: MediaFacts
    fingerprints: Annotated[Mapping[str, Json], mapping(MAX_FINGERPRINTS)] = field(hash=False)
    sketch: SketchFacts
    credential: CredentialFacts | None = None
    captured_at: Timestamp | None = field(default=None, kw_only=True)
    from_file: Annotated[tuple[str, ...], array(choice(FILE_FIELDS), len(FILE_FIELDS))] = field(
        default=(), kw_only=True
    )
    parents: Parents = ()
    rendition_of: Sha256 | None = None
    visibility: Visibility | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def check(self) -> None:
        """Refuses `from_file` that is out of order, or names what the record does not state."""
        if self.from_file != tuple(name for name in FILE_FIELDS if name in self.from_file):
            raise refusal("from_file", f"each at most once, in the order {', '.join(FILE_FIELDS)}")
        for name in self.from_file:
            if getattr(self, name) is None:
                raise refusal("from_file", f"the record states no {name}")


@dataclass(frozen=True)
class AssetRevealed(Stated):
    """The end of a seal: the registration is public, and its time is that of its own entry, not of this one.

    Attributes:
        publisher: the publisher's id.
        record: id of the sealed registration, 32 bytes.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "asset.revealed"

    publisher: PublisherId
    record: Sha256
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class AssetWithdrawn(Stated):
    """A withdrawal; the registration stays in the log.

    Attributes:
        publisher: the publisher's id.
        record: id of the registration that is withdrawn, 32 bytes.
        reason: why, for people.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "asset.withdrawn"

    publisher: PublisherId
    record: Sha256
    reason: Text
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class RecordErased(Stated):
    """An erasure, stated by an operator of the log: whoever keeps the content is who can say that it is gone.

    The erased record's log entry stays, and so does every proof.

    Attributes:
        record: id of the erased record, 32 bytes.
        reason: why, for people; it stays readable, so it must not repeat what was erased.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "record.erased"

    record: Sha256
    reason: Text
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)
