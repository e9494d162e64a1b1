"""Signing a claim about a picture, into a copy of it or beside it.

C2PA 2.2, sections 10.3 (creating a claim) and 11.4 (external manifests). The first action is c2pa.created
where the newsroom states that it made the picture; otherwise it is c2pa.opened, with the file itself as parent
ingredient, so that earlier credentials are kept inside, or with the stated parent. A claim is for ever: what is not
known is not said in it.

The time stamp of a claim: put into the room that the signature's padding keeps, and into the signed copy.

C2PA 2.2, section 10.3.2.5: `sigTst2` in the unprotected header of the claim's COSE_Sign1 holds RFC 3161 tokens over a
countersignature structure of its signature. c2pa itself would ask an authority over the network, which a worker
has not; so the token is brought here. Header and padding are covered by no signature or hash, and no length changes.
"""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import c2pa
import cbor2

from provenance.credentials.c2pa_settings import Settings, context
from provenance.credentials.claim import Action, ClaimDescription, SoftBinding
from provenance.credentials.jumbf import read_facts, read_signature
from provenance.credentials.trust import TrustSettings
from provenance.errors import CredentialSigningFailed
from provenance.media.redaction.segments import reframe_gif, reframe_jpeg, reframe_png

__all__ = [
    "ALGORITHMS",
    "SIGNABLE_TYPES",
    "Action",
    "ClaimDescription",
    "ClaimSigner",
    "SignedCredential",
    "SoftBinding",
    "sign_embedded",
    "sign_sidecar",
]

SIGNABLE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff", "image/avif", "image/heic")
"""Media types that sign and read back."""

ALGORITHMS = {"es256": c2pa.C2paSigningAlg.ES256, "ed25519": c2pa.C2paSigningAlg.ED25519}
_NO_LISTS = TrustSettings()
_Signed = tuple[bytes, str, bytes, bytes]


@dataclass(frozen=True)
class ClaimSigner:
    """A key that signs claims, wherever it lives.

    Attributes:
        sign: takes the bytes to sign, returns the signature: Ed25519 64 bytes; ES256 over their SHA-256, as
            DER or as r‖s. Called once a claim.
        algorithm: "es256" or "ed25519".
        chain_pem: the signer's certificate and its issuers, PEM, leaf first.
        tsa_url: RFC 3161 authority that c2pa asks for a time stamp while signing: the one connection this
            package can open. None for none.
        stamp: takes bytes, returns an RFC 3161 TimeStampToken over their SHA-256, DER: the way to a time stamp where
            there is no network. Called once a claim. None for none.
    """

    sign: Callable[[bytes], bytes]
    algorithm: Literal["es256", "ed25519"]
    chain_pem: str
    tsa_url: str | None = None
    stamp: Callable[[bytes], bytes] | None = None


@dataclass(frozen=True, repr=False)
class SignedCredential:
    """A signed claim.

    Attributes:
        data: the signed copy of the file; None when the manifest stands beside the untouched file.
        manifest: the manifest store, JUMBF.
        manifest_id: URN of the new manifest.
        claim_sha256: 32 bytes, as `ManifestFacts.claim_sha256`.
        sha256: of the file that the manifest belongs to: the signed copy, or else the untouched file.
    """

    data: bytes | None
    manifest: bytes
    manifest_id: str
    claim_sha256: bytes
    sha256: bytes


def sign_embedded(
    data: bytes,
    media_type: str,
    claim: ClaimDescription,
    signer: ClaimSigner,
    *,
    trust: TrustSettings = _NO_LISTS,
    opened: bytes | None = None,
) -> SignedCredential:
    """Sign `claim` into a copy of `data`; its pixels stay as they are.

    Args:
        media_type: one of `SIGNABLE_TYPES`.
        opened: the file that `data` was made of, whose credentials are kept; None where it is `data` itself.
        trust: lists under which earlier credentials are judged; the judgement is recorded in the claim.

    Raises:
        CredentialSigningFailed: the format cannot carry a manifest, the file is damaged, its earlier
            credentials cannot be read, or the signer failed (its exception is the cause).
    """
    copy, signed = _sign(data, media_type, claim, signer, trust, embed=True, received=opened)
    return SignedCredential(copy, *signed)


def sign_sidecar(
    data: bytes,
    media_type: str,
    claim: ClaimDescription,
    signer: ClaimSigner,
    *,
    trust: TrustSettings = _NO_LISTS,
    opened: bytes | None = None,
) -> SignedCredential:
    """Sign `claim` over `data` without touching it; the manifest is to be kept beside the file.

    A file that carries embedded credentials cannot have a sidecar: c2pa binds the sidecar to the file
    without them, so that it would not verify against the bytes that the newsroom has.

    Raises:
        CredentialSigningFailed: as `sign_embedded`, or the file carries embedded credentials.
    """
    copy, signed = _sign(data, media_type, claim, signer, trust, embed=False, received=opened)
    if copy != data:
        raise CredentialSigningFailed(
            "the file carries embedded credentials, so that a manifest beside it would not match its bytes: "
            "sign a copy with embedded credentials"
        )
    return SignedCredential(None, *signed)


def _sign(
    data: bytes,
    media_type: str,
    claim: ClaimDescription,
    signer: ClaimSigner,
    trust: TrustSettings,
    *,
    embed: bool,
    received: bytes | None = None,
) -> tuple[bytes, _Signed]:
    if media_type not in SIGNABLE_TYPES:
        raise CredentialSigningFailed(f"credentials cannot be signed into {media_type}")
    settings = context(Settings.of(trust))
    copy = io.BytesIO()
    callback = _Callback(signer.sign)
    try:
        source = data if received is None else received
        carries = _read_manifests(source, media_type, settings) is not None
        if claim.created and carries:
            raise CredentialSigningFailed("the file carries earlier credentials: it was opened, and not created")
        definition = claim.definition(opened=not claim.created, carries=carries)
        file = data if embed and not carries else source  # what is left out of the one leaves no trace in the other
        stated = list(claim.stated_ingredients(file, media_type, carries=carries))
        definition["ingredients"] = [said for said, _, content in stated if content is None]
        native = c2pa.Signer.from_callback(callback, ALGORITHMS[signer.algorithm], signer.chain_pem, signer.tsa_url)
        with native, c2pa.Builder(definition, settings) as builder:
            for said, kind, content in stated:
                if content is not None:
                    builder.add_ingredient(said, kind, io.BytesIO(content))
            if not embed:
                builder.set_no_embed()
            manifest = builder.sign(native, media_type, io.BytesIO(data), copy)
    except c2pa.C2paError as error:
        if callback.failure is not None:
            raise CredentialSigningFailed("the signing key did not sign") from callback.failure
        raise CredentialSigningFailed(f"the claim could not be signed: {error}") from error
    signed = copy.getvalue()
    if signer.stamp is not None:
        stamped = stamp_claim(manifest, signer.stamp)
        signed = replace_manifests(signed, media_type, manifest, stamped) if embed else signed
        manifest = stamped
        _check_stamp(signed, media_type, None if embed else manifest)
    facts = read_facts(manifest)
    if facts is None or facts.claim_sha256 is None:
        raise CredentialSigningFailed("the signed manifest is not of the form that was expected")
    return signed, (
        manifest,
        facts.manifest_id,
        facts.claim_sha256,
        hashlib.sha256(signed).digest(),
    )


def _check_stamp(copy: bytes, media_type: str, sidecar: bytes | None) -> None:
    """Read a stamped copy as others do: where c2pa refuses the authority's certificate, it reads Invalid."""
    with c2pa.Reader(media_type, io.BytesIO(copy), sidecar, context=c2pa.Context.from_dict({})) as reader:
        codes = {entry["code"] for entry in reader.get_validation_results()["activeManifest"]["success"]}
        if reader.get_validation_state() not in ("Valid", "Trusted") or "timeStamp.validated" not in codes:
            raise CredentialSigningFailed("C2PA readers do not accept the time stamp of the claim")


def stored_manifests(data: bytes, media_type: str) -> bytes | None:
    """The manifest store in `data`, JUMBF; empty where it is elsewhere or unreadable, None where there is none."""
    return _read_manifests(data, media_type, context(Settings.of(_NO_LISTS)))


def _read_manifests(data: bytes, media_type: str, settings: c2pa.Context) -> bytes | None:
    # A manifest that is elsewhere, or cannot be read, counts: it must not be lost silently.
    store = io.BytesIO()
    try:
        reader = c2pa.Reader.try_create(media_type, io.BytesIO(data), context=settings)
        if reader is None:
            return None
        with reader:
            reader.resource_to_stream(f"self#jumbf=/c2pa/{json.loads(reader.json())['active_manifest']}", store)
    except (c2pa.C2paError, ValueError, KeyError):
        return b""
    return store.getvalue()


class _Callback:
    """Keeps the exception of a failing key, which c2pa would reduce to "signature invalid"."""

    def __init__(self, sign: Callable[[bytes], bytes]) -> None:
        self._sign = sign
        self.failure: Exception | None = None

    def __call__(self, message: bytes) -> bytes:
        try:
            return self._sign(message)
        except Exception as error:  # noqa: BLE001 - any key store's exception; raised again as the cause
            self.failure = error
            return b""


_STAMP, _PAD = "sigTst2", "pad"
_REFRAMED = {"image/jpeg": reframe_jpeg, "image/png": reframe_png, "image/gif": reframe_gif}


def stamp_claim(manifests: bytes, stamp: Callable[[bytes], bytes]) -> bytes:
    """The manifest store with a time stamp of the active manifest's signature, as long as before.

    Args:
        manifests: JUMBF, as it was signed.
        stamp: takes the bytes to stamp, returns a TimeStampToken over their SHA-256, DER.

    Raises:
        CredentialSigningFailed: there is no room for the token. And whatever `stamp` raises.
    """
    signature = read_signature(manifests)
    if signature is None or manifests.count(signature) != 1:
        raise CredentialSigningFailed("the signed manifest is not of the form that was expected")
    sign1 = cbor2.loads(signature)
    protected, unprotected, payload, signed = sign1.value
    countersigned = cbor2.dumps(["CounterSignature", protected, b"", cbor2.dumps(signed)])
    stamped = {_STAMP: {"tstTokens": [{"val": stamp(countersigned)}]}, **unprotected}

    def padded(room: int) -> bytes:
        return cbor2.dumps(cbor2.CBORTag(sign1.tag, [protected, stamped | {_PAD: bytes(room)}, payload, signed]))

    room = len(unprotected.get(_PAD, b""))
    left = room - (len(padded(room)) - len(signature))
    if left < 0 or len(padded(left)) != len(signature):
        raise CredentialSigningFailed("the time stamp is larger than the room that a claim has for it")
    return manifests.replace(signature, padded(left))


def replace_manifests(copy: bytes, media_type: str, before: bytes, after: bytes) -> bytes:
    """A signed copy with `after` in the place of the manifest store `before`, which is as long.

    Raises:
        CredentialSigningFailed: the copy does not hold `before` as it should.
    """
    replaced = _REFRAMED.get(media_type, _replace_once)(copy, before, after)
    if replaced is None or len(replaced) != len(copy):
        raise CredentialSigningFailed("the signed copy does not hold its manifest as was expected")
    return replaced


def _replace_once(copy: bytes, before: bytes, after: bytes) -> bytes | None:
    return copy.replace(before, after) if copy.count(before) == 1 else None
