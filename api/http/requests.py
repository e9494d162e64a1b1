"""Request bodies in JSON, and the types of their fields: unknown fields are refused."""

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model

from provenance import limits
from provenance.answers.fields import HEX_SHA256
from provenance.claims import Claims
from provenance.statement import codec
from provenance.statement.record.facts import Parent, Parents
from registry.keys.api_keys import DEFAULT_OVERLAP_SECONDS, MAX_OVERLAP_SECONDS, SCOPES, Scope

M = TypeVar("M", bound=BaseModel)

NO_CONTROLS = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$"
"""As in records: no control characters but newline and tab."""
RFC3339 = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"

Digest = Annotated[str, Field(pattern=HEX_SHA256, description="SHA-256, lowercase hex.")]
RecordId = Annotated[str, Field(pattern=HEX_SHA256, description="SHA-256 of a record's canonical bytes, hex.")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Lowercase letters, digits, hyphens.")]


def _is_rfc3339(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(RFC3339, value, flags=re.ASCII):
        return value
    raise ValueError("must be an RFC 3339 time, as in 2026-05-04T09:30:00Z")


def _in_whole_seconds(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ValueError("must be a time that UTC can express") from None


Time = Annotated[
    datetime,
    BeforeValidator(_is_rfc3339),
    AfterValidator(_in_whole_seconds),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": RFC3339}),
]
Coordinate = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$", description="32 bytes, base64url.")]
Signature = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{86}$", description="64 bytes, base64url.")]


def _is_visible(value: str) -> str:
    if not codec.is_visible(value):
        raise ValueError("must have a character that is visible")
    return value


Visible = AfterValidator(_is_visible)
Line = Annotated[str, Field(min_length=1, max_length=limits.MAX_LINE_CHARACTERS, pattern=NO_CONTROLS), Visible]
Paragraph = Annotated[str, Field(min_length=1, max_length=limits.MAX_TEXT_CHARACTERS, pattern=NO_CONTROLS), Visible]


class Request(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ParentRequest(Request):
    record: RecordId
    relation: Line


_REQUESTED: Mapping[Any, Any] = {
    codec.Line: Line,
    codec.Text: Paragraph,
    codec.Sha256: RecordId,
    codec.Timestamp: Time,
    Parents: Annotated[tuple[ParentRequest, ...], Field(max_length=limits.MAX_PARENTS)],
    bool: Annotated[bool, Field(strict=True)],
}
"""By type of the core, the type of a request's field, as strict as records are."""


def _request_type(hint: Any) -> Any:
    if hint in _REQUESTED:
        return _REQUESTED[hint]
    kind, arguments = get_origin(hint), get_args(hint)
    if kind is Annotated:
        (doc,) = hint.__metadata__
        return Annotated[_request_type(arguments[0]), Field(description=doc.text)]
    return Union[tuple(map(_request_type, arguments))] if kind in (Union, UnionType) else hint  # noqa: UP007


def _of_claims(model: type[M]) -> type[M]:
    """The model with a field for each claim, as `provenance.claims.Claims` describes it."""
    stated = {each.name: (_request_type(each.type), each.default) for each in fields(Claims)}
    made: type[M] = create_model(model.__name__, __base__=model, __doc__=model.__doc__, **stated)  # type: ignore[call-overload]  # computed names
    return made


@_of_claims
class AssetMetadata(Request):
    """The publisher's claims on a picture."""

    publisher: Annotated[Slug | None, Field(description="Only with an admin key; else the key's publisher.")] = None

    def claims(self) -> Claims:
        """The claims as the registry's class."""
        stated = {each.name: getattr(self, each.name) for each in fields(Claims)}
        stated["parents"] = tuple(Parent(bytes.fromhex(each.record), each.relation) for each in stated["parents"])
        stated["rendition_of"] = stated["rendition_of"] and bytes.fromhex(stated["rendition_of"])
        return Claims(**stated)


class AssetRequest(Request):
    """Registers media from an earlier upload."""

    media: Digest
    metadata: AssetMetadata = AssetMetadata()


class PreparationRequest(AssetRequest):
    """Prepares the registration of media from an earlier upload, for the publisher to sign with a key of its own."""

    key: Annotated[str, Field(pattern=HEX_SHA256, description="RFC 9679 thumbprint of the key that will sign, hex.")]


class SignatureRequest(Request):
    """The publisher's signature over `to_be_signed` of a prepared registration."""

    key: Annotated[str, Field(pattern=HEX_SHA256, description="RFC 9679 thumbprint of the key that signed, hex.")]
    signature: Signature


class WithdrawalRequest(Request):
    record: RecordId
    reason: Paragraph


class DisputeRequest(Request):
    """Contradicts another publisher's registration."""

    publisher: Annotated[Slug | None, Field(description="Only with an admin key; else the key's publisher.")] = None
    record: RecordId
    reason: Paragraph
    counterclaim: Annotated[RecordId | None, Field(description="The publisher's own registration of it.")] = None


class AnswerRequest(Request):
    """Answers a dispute."""

    publisher: Annotated[Slug | None, Field(description="Only with an admin key; else the key's publisher.")] = None
    outcome: Annotated[
        Literal["accepted", "rejected", "retracted"],
        Field(description="`retracted` by the publisher that disputed; the others by the one that registered."),
    ]
    reason: Paragraph


class ErasureRequest(Request):
    """Erases a registration's content. The reason stays public: it must not repeat what is erased."""

    reason: Paragraph


class PublisherRequest(Request):
    id: Slug
    name: Line
    key_algorithm: Literal["Ed25519", "ES256"] = "ES256"


class Ed25519JwkRequest(Request):
    """An Ed25519 key (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: Coordinate


class P256JwkRequest(Request):
    """A P-256 key (RFC 7518 §6.2)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate
    y: Coordinate


Jwk = Ed25519JwkRequest | P256JwkRequest


class HandoverRequest(Request):
    """The replaced key, and its signature over the handover message of docs/reference/records.md."""

    key: Jwk
    signature: Signature


class OwnKeyRequest(Request):
    """A key held by its publisher, with proof of possession."""

    key: Jwk
    possession: Annotated[
        Signature, Field(description="Signature by the key over the possession message of docs/reference/records.md.")
    ]
    handover: Annotated[
        HandoverRequest | None, Field(description="For a rotation, if the service does not hold the key in force.")
    ] = None


class KeyRequest(Request):
    """A key for a publisher: generated and held by the service, or the publisher's own."""

    action: Annotated[
        Literal["enrol", "rotate"],
        Field(description="`rotate` also ends the earlier keys; what they signed stays valid."),
    ]
    key_algorithm: Annotated[Literal["Ed25519", "ES256"], Field(description="Of a key generated by the service.")] = (
        "ES256"
    )
    own: OwnKeyRequest | None = None
    reason: Annotated[Paragraph | None, Field(description="Reason for a rotation; public.")] = None


class ApiKeyRequest(Request):
    """Creates an API key."""

    name: Annotated[Line, Field(description="What the key is for; shown in lists.")]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=len(SCOPES))]
    publisher: Annotated[Slug | None, Field(description="The publisher that the key writes for.")] = None
    expires_at: Annotated[Time | None, Field(description="When the key expires; null: never.")] = None


class RotationRequest(Request):
    """Replaces an API key."""

    overlap_seconds: Annotated[
        int, Field(ge=0, le=MAX_OVERLAP_SECONDS, strict=True, description="How long the old key stays valid.")
    ] = DEFAULT_OVERLAP_SECONDS


class RevocationRequest(Request):
    """Revokes a key. What it signed stays in the log; verdicts say whether before or after the revocation."""

    reason: Paragraph
    invalid_since: Annotated[
        Time | None,
        Field(description="Since when the key may have been compromised, in whole seconds."),
    ] = None


class PdqRequest(Request):
    value: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="PDQ hash, 256 bits, hex.")]
    quality: Annotated[int, Field(ge=0, le=100, strict=True)]


class DigestsRequest(Request):
    """Verifies digests alone: nothing is uploaded."""

    sha256: Digest
    pdq: PdqRequest | None = None


class LookupRequest(Request):
    """The digests of one file. Fingerprints can only give a lead."""

    sha256: Digest
    pixels_sha256: Annotated[
        str | None,
        Field(pattern=HEX_SHA256, description="SHA-256 of the decoded pixels, as in a record; if `sha256` is unknown."),
    ] = None
    pdq: PdqRequest | None = None
    phash: Annotated[str | None, Field(pattern=r"^[0-9a-f]{16}$", description="pHash, 64 bits, hex.")] = None

    @property
    def units(self) -> int:
        """How many digests it counts for."""
        return 1 + limits.FINGERPRINT_UNITS * sum(each is not None for each in (self.pdq, self.phash))


class LookupsRequest(Request):
    """The digests of files; the answer is in the same order."""

    items: Annotated[tuple[LookupRequest, ...], Field(min_length=1, max_length=limits.MAX_LOOKUPS)]
