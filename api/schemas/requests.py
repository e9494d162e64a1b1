"""What clients send: unknown fields are refused."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.values import Coordinate, Digest, Line, Paragraph, RecordId, Signature, Slug, Time
from provenance import limits
from registry.api_keys import DEFAULT_OVERLAP_SECONDS, MAX_OVERLAP_SECONDS, SCOPES, Scope


class Request(BaseModel):
    """What a client sends: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ParentRequest(Request):
    record: RecordId
    relation: Line


class AssetMetadata(Request):
    """The publisher's claims on a picture."""

    publisher: Annotated[Slug | None, Field(description="Only with an admin key; else the key's publisher.")] = None
    title: Line | None = None
    caption: Paragraph | None = None
    credit: Line | None = None
    licence: Line | None = None
    digital_source_type: Annotated[
        Line | None, Field(description="Term or IRI of the IPTC digital source type vocabulary.")
    ] = None
    created: Annotated[
        bool,
        Field(
            strict=True,
            description="The publisher states that it made the picture, in the way of `digital_source_type`: the "
            "manifest says `c2pa.created`. Otherwise it says that the file, or its stated parent, was opened.",
        ),
    ] = False
    captured_at: Annotated[Time | None, Field(description="Fractions of a second are dropped.")] = None
    credential: Annotated[
        Literal["embedded", "sidecar", "none"], Field(description="What C2PA credential to make.")
    ] = "embedded"
    parents: Annotated[tuple[ParentRequest, ...], Field(max_length=limits.MAX_PARENTS)] = ()
    rendition_of: RecordId | None = None
    visibility: Annotated[
        Literal["public", "sealed"],
        Field(description="Sealed: only the publisher can read or find it until it is revealed."),
    ] = "public"
    publish_metadata: Annotated[
        bool,
        Field(
            strict=True,
            description="Whether the signed copy that anybody gets keeps what the file holds beside its picture: "
            "places, names, serial numbers. By default they are left out.",
        ),
    ] = False


class AssetRequest(Request):
    """Registers media that was uploaded before."""

    media: Digest
    metadata: AssetMetadata = AssetMetadata()


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
        Field(description="Retracted by the publisher that disputes; the others by the one that registered."),
    ]
    reason: Paragraph


class ErasureRequest(Request):
    """Erases a registration's content. The reason stays readable: it must not repeat what is erased."""

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
    """The key that is replaced, and its signature over the handover message of docs/reference/records.md."""

    key: Jwk
    signature: Signature


class OwnKeyRequest(Request):
    """A key that its publisher keeps, with the proofs that it holds it."""

    key: Jwk
    possession: Annotated[
        Signature, Field(description="By the key, over the possession message of docs/reference/records.md.")
    ]
    handover: Annotated[
        HandoverRequest | None, Field(description="Of a rotation, where the service does not hold the key in force.")
    ] = None


class KeyRequest(Request):
    """A key for a publisher: made and kept by the service, or the publisher's own."""

    action: Annotated[
        Literal["enrol", "rotate"], Field(description="`rotate` also ends the keys before it; what they signed stands.")
    ]
    key_algorithm: Annotated[Literal["Ed25519", "ES256"], Field(description="Of the key that the service makes.")] = (
        "ES256"
    )
    own: OwnKeyRequest | None = None
    reason: Annotated[Paragraph | None, Field(description="Why a rotation; for everybody to read.")] = None


class ApiKeyRequest(Request):
    """An API key for somebody."""

    name: Annotated[Line, Field(description="What the key is for, as lists show it.")]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=len(SCOPES))]
    publisher: Annotated[Slug | None, Field(description="The publisher that the key writes for.")] = None
    expires_at: Annotated[Time | None, Field(description="When it ends; null: not by itself.")] = None


class RotationRequest(Request):
    """Replaces an API key."""

    overlap_seconds: Annotated[
        int, Field(ge=0, le=MAX_OVERLAP_SECONDS, strict=True, description="How long the old key goes on.")
    ] = DEFAULT_OVERLAP_SECONDS


class RevocationRequest(Request):
    """Ends a key. What it signed stays in the log, and verdicts say that its key was revoked before or after."""

    reason: Paragraph
    invalid_since: Annotated[
        Time | None, Field(description="Since when the key may have been in other hands; fractions are dropped.")
    ] = None


class PdqRequest(Request):
    value: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="PDQ hash, 256 bits, hex.")]
    quality: Annotated[int, Field(ge=0, le=100, strict=True)]


class DigestsRequest(Request):
    """Verifies digests alone: nothing is uploaded."""

    sha256: Digest
    pdq: PdqRequest | None = None
