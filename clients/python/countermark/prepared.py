"""A registration that a service has prepared: checked against the file and the claims, and only then signed.

The record is made again here, from the file's own bytes. Whoever signs it has to believe the service in nothing but
what the C2PA manifest says inside: that is signed by the service's key, not by this one.

1. The record is the one that the answer names, in canonical form, and the registration of a picture.
2. What is to be signed is that record, stated by this key.
3. Every field is what this file and these claims make of it; there is no other.
4. It is dated now.
5. Of the credential that was asked for, each signed copy that the record names was fetched, and shows the same picture.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from countermark.claims import Claims
from countermark.content import Content
from countermark.models import Parent, PreparedRegistration
from provenance.claims import Claims as Stated
from provenance.errors import InvalidRequest, MalformedRecord, MissingExtra, RecordRefused
from provenance.limits import MAX_MEDIA_BYTES
from provenance.registration import PictureFacts, media_facts, registration
from provenance.statement.encodings import encode_base64url
from provenance.statement.keys import PublicKey, Signer
from provenance.statement.record import AssetRegistered, MediaFacts, SketchFacts, parse_record, record_id
from provenance.statement.record import Parent as StatedParent
from provenance.statement.statement import assemble_statement, signing_input

OLDEST = timedelta(hours=2)
"""A record may be dated so long ago: services keep what they have prepared for an hour."""

SKEW = timedelta(minutes=5)
"""Clocks may differ by so much."""


@dataclass(frozen=True)
class PreparedRecord:
    """A prepared registration whose record parses (step 1). `canonical` is what would be signed."""

    answer: PreparedRegistration
    canonical: bytes
    record: AssetRegistered

    @classmethod
    def of(cls, answer: PreparedRegistration) -> "PreparedRecord":
        """Raises RecordRefused."""
        canonical = answer.record.encode(errors="surrogatepass")
        if record_id(canonical).hex() != answer.id:
            raise RecordRefused("the service prepared another record than it names: nothing was signed")
        try:
            record = parse_record(canonical)
        except MalformedRecord as error:
            raise RecordRefused(f"the service prepared no record ({error}): nothing was signed") from error
        if not isinstance(record, AssetRegistered):
            raise RecordRefused(f"the service prepared a record of type {record.TYPE}: nothing was signed")
        return cls(answer, canonical, record)

    @property
    def copies(self) -> tuple[bool, ...]:
        """The signed copies to fetch: True for everybody's, False for the publisher's own."""
        credential = self.record.credential
        if credential is None or credential.signed is None:
            return ()
        return (True,) if credential.private_sha256 is None else (True, False)

    def sign(self, file: Content, claims: Claims, signer: Signer, copies: Sequence[bytes]) -> str:
        """The signature in base64url, after all steps.

        Args:
            file: what was uploaded.
            claims: as they were sent; they name the publisher.
            signer: the publisher's key.
            copies: the signed copies, in the order of `copies`.

        Raises:
            RecordRefused: the record says something else; the message names it, and nothing was signed.
            MissingExtra: this needs `countermark[pictures]`.
            SignatureInvalid: the signer does not sign with the key it names.
        """
        message = signing_input(self.canonical, signer.public_key)
        if self.answer.to_be_signed != encode_base64url(message):
            raise RecordRefused("the service asks for a signature over something else: nothing was signed")
        self._check(file.read(MAX_MEDIA_BYTES), claims, copies)
        signature = signer.sign(message)
        assemble_statement(self.canonical, signer.public_key, signature)
        return encode_base64url(signature)

    def _check(self, data: bytes, claims: Claims, copies: Sequence[bytes]) -> None:
        record, (picture, said) = self.record, examine(data)
        publisher, stated = stated_claims(claims)
        from_file: tuple[str, ...] = ()
        if stated.metadata_from_file:
            stated, from_file = stated.completed(said)
        expected = registration(
            picture,
            stated,
            publisher=publisher,
            salt=record.salt,
            claimed_at=record.claimed_at,
            credential=record.credential,
            from_file=from_file,
        )
        wrong = [*_differing(expected, record), *self._wrong_credential(stated.credential, picture.media, copies)]
        now = datetime.now(UTC)
        if not now - OLDEST - SKEW <= record.claimed_at <= now + SKEW:
            wrong.append("claimed_at")
        if wrong:
            raise RecordRefused(
                f"the service prepared a record that says something else than was asked ({', '.join(wrong)}): nothing "
                "was signed. Where only digests of pixels or the sketch differ, its decoders may be of other versions"
            )

    def _wrong_credential(self, mode: str, media: MediaFacts, copies: Sequence[bytes]) -> Iterator[str]:
        credential = self.record.credential
        if credential is None:
            yield from () if mode == "none" else ("credential",)
            return
        if mode == "none" or credential.embedded is not (mode == "embedded") or credential.extra:
            yield "credential"
        if (credential.signed is not None) is not credential.embedded:
            yield "credential.signed"
        if credential.signed is None and credential.private_sha256 is not None:
            yield "credential.private_sha256"
        digests = [] if credential.signed is None else [credential.signed.sha256, credential.private_sha256]
        for name, digest, copy in zip(("signed", "private_sha256"), digests, copies, strict=False):
            shown = examine(copy)[0].media
            same = (shown.pixels_sha256, shown.shown_sha256) == (media.pixels_sha256, media.shown_sha256)
            if shown.sha256 != digest or not same:
                yield f"credential.{name}"
            elif name == "signed" and credential.signed is not None:
                yield from (f"credential.signed.{each}" for each in _differing(shown, credential.signed))


def examine(data: bytes) -> tuple[PictureFacts, Mapping[str, Any]]:
    """What a record states of a file, and what the file says of itself, by the names of claims.

    Raises:
        MediaError: not a picture that can be read.
        MissingExtra: this needs `countermark[pictures]`.
    """
    try:
        from provenance.media import Media
        from provenance.media.fingerprints import fingerprint
        from provenance.media.marks.file_claims import read_file_claims
        from provenance.media.sketch import SKETCH_VERSION, draw_sketch
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "signing with a key of your own needs what checks the record: install countermark[pictures]"
        ) from error
    media = Media.from_bytes(data)
    prints = fingerprint(media)
    facts = media_facts(
        sha256=hashlib.sha256(data).digest(),
        size=len(data),
        media_type=media.media_type,
        width=media.width,
        height=media.height,
        pixels_sha256=prints.pixels_sha256,
        shown_sha256=prints.shown_sha256,
    )
    sketch = SketchFacts(sha256=draw_sketch(media.canonical).sha256, version=SKETCH_VERSION)
    return PictureFacts(media=facts, fingerprints=prints.to_json(), sketch=sketch), read_file_claims(media).stated()


def stated_claims(claims: Claims) -> tuple[str, Stated]:
    """The publisher, and the claims as records state them. Raises InvalidRequest where no publisher is named."""
    given: dict[str, Any] = {name: value for name, value in claims.items() if value is not None}
    publisher = given.pop("publisher", None)
    if publisher is None:
        raise InvalidRequest("whoever signs with a key of its own names its publisher: the service is not asked")
    if "rendition_of" in given:
        given["rendition_of"] = bytes.fromhex(given["rendition_of"])
    if "captured_at" in given:
        given["captured_at"] = given["captured_at"].astimezone(UTC).replace(microsecond=0)
    given["parents"] = tuple(_parent(each) for each in given.get("parents", ()))
    return publisher, Stated(**given)


def check_key(claims: Claims, key: PublicKey) -> str:
    """The key's thumbprint; raises InvalidRequest, before anything is sent, where claims name no publisher."""
    stated_claims(claims)
    return key.thumbprint.hex()


def _parent(parent: Parent) -> StatedParent:
    return StatedParent(bytes.fromhex(parent.record), parent.relation)


def _differing(expected: Any, found: Any, path: str = "") -> Iterator[str]:
    """Names of the fields in which two values of one class differ."""
    for field in fields(expected):
        here, there = getattr(expected, field.name), getattr(found, field.name)
        if here == there:
            continue
        if is_dataclass(here) and type(here) is type(there):
            yield from _differing(here, there, f"{path}{field.name}.")
        else:
            yield f"{path}{'a field that is not known here' if field.name == 'extra' else field.name}"
