"""Registrations: assets, what they resemble, and what the log says of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from provenance.answers.fields import Answer, Digest, Doc, Later, NeverNull, RecordId, Values
from provenance.answers.publishers import Publisher


@dataclass(frozen=True, kw_only=True)
class FileClaims(Answer):
    """What a file says of itself in IPTC, XMP and EXIF, as `metadata_from_file` takes it over."""

    title: str | None
    caption: str | None
    byline: str | None
    credit: str | None
    rights: str | None
    captured_at: datetime | None
    notes: Annotated[tuple[str, ...], Doc("What was left out, cut or guessed, and why.")]


@dataclass(frozen=True, kw_only=True)
class UploadedMedia(Answer):
    """Uploaded media. `says`: what the file says of itself; nothing is stated by that."""

    sha256: Digest
    size: int
    media_type: str
    says: Annotated[FileClaims | None, NeverNull()] = None


@dataclass(frozen=True, kw_only=True)
class Standing(Answer):
    """The standing of a record: current, withdrawn, …, and in a sentence."""

    value: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Media(Answer):
    """A file: its size in bytes and pixels, digests of its bytes and of its decoded pixels."""

    sha256: Digest
    size: int
    media_type: str
    width: int
    height: int
    pixels_sha256: Digest


@dataclass(frozen=True, kw_only=True)
class Credential(Answer):
    """The C2PA manifest that was made at registration; `signed` is the copy that carries it, if one was made."""

    manifest_id: str
    claim_sha256: Digest
    embedded: bool
    signed: Media | None


@dataclass(frozen=True, kw_only=True)
class Parent(Answer):
    """A registered picture that another was made from. `relation`: `parentOf`, `componentOf`, `inputTo`, …"""

    record: RecordId
    relation: str


@dataclass(frozen=True, kw_only=True)
class AssetLinks(Answer):
    """Paths on this service."""

    self: str
    page: str
    record: str
    receipt: str
    history: str
    graph: str
    thumbnail: str
    credentialed: str | None
    manifest: str | None


@dataclass(frozen=True, kw_only=True)
class Asset(Answer):
    """A registered picture.

    It is as its reader may see it. `state`: `sequenced`, then `published`. `sealed`: only its publisher can read it.
    """

    id: RecordId
    record_id: str
    type: str
    index: int
    state: str
    visibility: Annotated[str, Values("public", "sealed")]
    logged_at: datetime
    claimed_at: datetime
    publisher: Publisher
    standing: Standing
    title: str | None
    caption: str | None
    byline: Annotated[str | None, Later()] = None
    credit: str | None
    rights: Annotated[str | None, Later()] = None
    licence: str | None
    digital_source_type: str | None
    captured_at: datetime | None
    from_file: Annotated[
        tuple[str, ...],
        Doc("Which of these were read from the file's own metadata; the others are the publisher's own statements."),
        Later(),
    ] = ()
    media: Media
    credential: Credential | None
    parents: tuple[Parent, ...]
    rendition_of: str | None
    links: AssetLinks


@dataclass(frozen=True, kw_only=True)
class Assets(Answer):
    """A page of registrations, the newest first; `next_cursor` leads to the next page."""

    items: tuple[Asset, ...]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class HeldMetadata(Answer):
    """One piece of metadata: what carries it in the file, as "EXIF" or "XMP", and its name there."""

    carrier: str
    name: str


@dataclass(frozen=True, kw_only=True)
class FileMetadata(Answer):
    """What the file holds beside its picture, by name and without values, and what anybody gets of it."""

    held: tuple[HeldMetadata, ...]
    public_copy: Annotated[
        str,
        Values("as_registered", "stripped", "withheld", "none"),
        Doc(
            "`stripped`: anybody gets a signed copy without what is held; `withheld`: the signed copy is "
            "the publisher's alone; `none`: no copy was made."
        ),
    ]
    reason: Annotated[str | None, Doc("Why it could not be left out, where the copy is withheld.")]


@dataclass(frozen=True, kw_only=True)
class Resemblance(Answer):
    """Another registration that this one resembles; what differs is told of the newer against the older."""

    id: RecordId
    index: int
    logged_at: datetime
    title: str | None
    publisher: Annotated[str, Doc("The publisher's id.")]
    publisher_name: str
    side: Annotated[str, Values("older", "newer"), Doc("Which of the two it is.")]
    value: Annotated[str, Doc("The value of the registration axis.")]
    differs_inside: Annotated[bool, Doc("Something within what both show differs.")]
    detail: str
    stated: Annotated[bool, Doc("One says that it was made from the other, perhaps through others.")]
    taken_back: Annotated[Annotated[str, Values("withdrawn", "superseded")] | None, Doc("What became of it, if so.")]
    copies: Annotated[int, Doc("Its publisher's renditions of one another, which count as one.")]
    comparison: Annotated[dict[str, object] | None, Doc("As in a verification report, where they were compared.")]


@dataclass(frozen=True, kw_only=True)
class Resembles(Answer):
    """What a registration resembles, in the order of the log: at most 64 are named, and the numbers are of all."""

    state: Annotated[
        str,
        Values("made", "pending", "sealed"),
        Doc("Pending until the comparison is made; a sealed one is compared when it is revealed."),
    ]
    older: int
    newer: int
    items: tuple[Resemblance, ...]
    left_out: Annotated[tuple[str, ...], Doc("What the search did not look at, and why.")]


@dataclass(frozen=True, kw_only=True)
class AssetInFull(Asset):
    """A registered picture, with the other registrations that it resembles."""

    resembles: Annotated[Resembles | None, NeverNull()] = None


@dataclass(frozen=True, kw_only=True)
class RegisteredAsset(AssetInFull):
    """The answer to a registration: the asset, and the receipt that proves it without this service.

    `receipt` is the JSON of the `.countermark` file. Without `publish_metadata`, what `metadata` names stays with the
    publisher.
    """

    receipt: dict[str, object]
    metadata: FileMetadata


@dataclass(frozen=True, kw_only=True)
class PreparedRegistration(Answer):
    """A registration that waits for the signature of its publisher's own key. Nothing of it is in the log.

    What `metadata` and the signed copies say is final; when `expires_at` has passed, all of it is gone.
    """

    id: RecordId
    record: Annotated[str, Doc("The record, canonical JSON (RFC 8785); `id` is the SHA-256 of its UTF-8 bytes.")]
    to_be_signed: Annotated[
        str, Doc("The bytes that the key signs (RFC 9052 §4.4), base64url. They follow from the record and the key.")
    ]
    expires_at: datetime
    metadata: FileMetadata
    credential_signer: Annotated[
        str | None,
        Doc(
            "Subject of the certificate that signed the C2PA claim: the service's own key signs that, and never the "
            "publisher's. Null where there is no credential."
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Event(Answer):
    """One event in the history of an asset."""

    index: int
    type: str
    record_id: str
    logged_at: datetime
    summary: str


@dataclass(frozen=True, kw_only=True)
class History(Answer):
    items: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class Withdrawal(Answer):
    """The record that withdraws the registration `record`."""

    id: RecordId
    record_id: str
    index: int
    state: str
    logged_at: datetime
    record: RecordId
    reason: str


@dataclass(frozen=True, kw_only=True)
class LoggedStatement(Answer):
    """Where a statement stands in the log; `proof` is a tlog-proof, where it was asked for."""

    record_id: str
    index: int
    logged_at: datetime
    created: bool
    proof: str | None


@dataclass(frozen=True, kw_only=True)
class LoggedStatements(Answer):
    """Statements in the order in which they were sent, under the checkpoint that covers them."""

    items: tuple[LoggedStatement, ...]
    checkpoint: str
