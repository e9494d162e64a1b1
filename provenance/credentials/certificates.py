"""Certificates that sign claims: a development authority, its leaves, and the check of any leaf.

Profile: C2PA Technical Specification 2.2, section 14.5 (X.509 certificates), as narrowed by what c2pa-rs
accepts: version 3, critical KeyUsage digitalSignature, critical BasicConstraints CA:FALSE, subject and
authority key identifiers, an accepted extended key usage, an organisation in the subject, not self-signed.

Keys and serial numbers come from `cryptography`'s generators: this is the one place in `provenance` that
draws random numbers, because a key that is an argument would not be a new key. Dates are arguments.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from provenance.errors import CertificateUnusable

DEVELOPMENT_AUTHORITY = "Countermark development authority (not trusted by anyone)"
"""Subject of the authority, and organisation of every leaf it issues: readers show it next to the signer."""

MAX_LEAF_DAYS = 366
"""Days a claim-signing certificate may be valid for (C2PA certificate policy)."""

CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
ACCEPTED_USAGES = (
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    DOCUMENT_SIGNING,
    ObjectIdentifier("1.3.6.1.4.1.311.76.59.1.9"),
    CLAIM_SIGNING,
)
"""Extended key usages of a claim signer: e-mail protection, document signing, Microsoft's, C2PA's own."""

_AUTHORITY_LIFETIME = timedelta(days=3650)
_BACKDATING = timedelta(minutes=5)  # a reader's clock may be behind ours
_MAX_NAME = 64  # X.520 upper bound of a common name, in characters

ClaimAlgorithm = Literal["es256", "ed25519"]
ClaimKey = EllipticCurvePrivateKey | Ed25519PrivateKey
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


@dataclass(frozen=True, repr=False)
class IssuedCertificate:
    """A certificate with the key it certifies.

    Attributes:
        chain_pem: PEM, the certificate itself first, then its issuers; what a signer sends along.
        key: P-256 or Ed25519 private key.
    """

    chain_pem: str
    key: ClaimKey


def make_development_authority(now: datetime, name: str = "Countermark") -> IssuedCertificate:
    """A self-signed P-256 authority, valid for ten years from `now` (aware), that nobody has reason to trust.

    Args:
        name: its organisation, at most 64 characters.

    Raises:
        CertificateUnusable: `name` does not fit a certificate, or `now` has no time zone.
    """
    key = generate_ec_key(SECP256R1())
    subject = _name(organisation=name, common_name=DEVELOPMENT_AUTHORITY)
    builder = _certificate(subject, subject, key, _aware(now), _AUTHORITY_LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(authority=True), critical=True)
    return IssuedCertificate(_pem(builder.sign(key, hashes.SHA256())), key)


def issue_claim_certificate(
    authority: IssuedCertificate,
    subject: str,
    now: datetime,
    *,
    days: int = 365,
    algorithm: ClaimAlgorithm = "es256",
) -> IssuedCertificate:
    """A new key and its claim-signing certificate, valid for `days` from `now`, with the chain up to `authority`.

    Args:
        subject: common name of the signer, for example the newsroom; at most 64 characters.
        days: 1 to 366.

    Raises:
        CertificateUnusable: the name or the days are out of range, or the authority expires before the leaf would.
    """
    if not 1 <= days <= MAX_LEAF_DAYS:
        raise CertificateUnusable(f"a claim-signing certificate is valid for 1 to {MAX_LEAF_DAYS} days, not {days}")
    issuer = parse_certificates(authority.chain_pem)[0]
    if _aware(now) - _BACKDATING + timedelta(days=days) > issuer.not_valid_after_utc:
        raise CertificateUnusable("the authority expires before the certificate would")
    key: ClaimKey = generate_ec_key(SECP256R1()) if algorithm == "es256" else Ed25519PrivateKey.generate()
    builder = _leaf(issuer, subject, key, now, timedelta(days=days))
    usages = [CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION]
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return _issue(builder, authority, key)


def issue_timestamp_certificate(authority: IssuedCertificate, now: datetime) -> IssuedCertificate:
    """A new P-256 key and its certificate for time-stamping (RFC 3161 section 2.3), valid for `MAX_LEAF_DAYS`."""
    issuer = parse_certificates(authority.chain_pem)[0]
    key = generate_ec_key(SECP256R1())
    builder = _leaf(issuer, "Development time stamps", key, _aware(now), timedelta(days=MAX_LEAF_DAYS))
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return _issue(builder, authority, key)


def _leaf(
    issuer: x509.Certificate, subject: str, key: ClaimKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    name = _name(organisation=DEVELOPMENT_AUTHORITY, common_name=subject)
    builder = _certificate(name, issuer.subject, key, now, lifetime)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(authority=False), critical=True)
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
    )


def _issue(builder: x509.CertificateBuilder, authority: IssuedCertificate, key: ClaimKey) -> IssuedCertificate:
    digest = hashes.SHA256() if isinstance(authority.key, EllipticCurvePrivateKey) else None
    return IssuedCertificate(_pem(builder.sign(authority.key, digest)) + authority.chain_pem, key)


def check_claim_certificate(chain_pem: str, now: datetime) -> None:
    """Check that the first certificate of `chain_pem` can sign claims at `now`, and that the chain leads upwards.

    Whether anybody trusts the last certificate is not looked at.

    Raises:
        CertificateUnusable: names everything that is wrong, in plain words, separated by "; ".
    """
    if "PRIVATE KEY" in chain_pem:
        raise CertificateUnusable("the file holds a private key: give the certificates alone")
    chain = parse_certificates(chain_pem)
    problems = [*_leaf_problems(chain[0], _aware(now)), *_chain_problems(chain)]
    if problems:
        raise CertificateUnusable("; ".join(problems))


def is_widely_read(chain_pem: str) -> bool:
    """Whether c2pa's readers, as they come, take the first certificate of `chain_pem` for a claim signer's.

    They take e-mail protection alone; with any other usage what it signed reads Invalid there (c2pa-rs 0.91, ours).
    Raises `CertificateUnusable`.
    """
    purposes = _extension(parse_certificates(chain_pem)[0].extensions, x509.ExtendedKeyUsage)
    return purposes is not None and ExtendedKeyUsageOID.EMAIL_PROTECTION in purposes.value


def parse_certificates(pem: str) -> list[x509.Certificate]:
    """The certificates in `pem`, at least one, in order. Raises `CertificateUnusable` when there are none."""
    try:
        return x509.load_pem_x509_certificates(pem.encode("utf-8"))
    except ValueError as error:
        raise CertificateUnusable("not a PEM file with X.509 certificates") from error


def _leaf_problems(leaf: x509.Certificate, now: datetime) -> Iterator[str]:
    if leaf.version is not x509.Version.v3:
        yield "it is not an X.509 version 3 certificate"
    if now < leaf.not_valid_before_utc:
        yield f"it is not valid before {leaf.not_valid_before_utc:%Y-%m-%d}"
    if now > leaf.not_valid_after_utc:
        yield f"it expired on {leaf.not_valid_after_utc:%Y-%m-%d}"
    if leaf.not_valid_after_utc - leaf.not_valid_before_utc > timedelta(days=MAX_LEAF_DAYS):
        yield f"it is valid for more than {MAX_LEAF_DAYS} days"
    if leaf.subject == leaf.issuer:
        yield "it is self-signed: readers of C2PA refuse that"
    if not leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME):
        yield "its subject names no organisation"
    public = leaf.public_key()
    if not isinstance(public, Ed25519PublicKey) and not (
        isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)
    ):
        yield "its key is neither P-256 (ES256) nor Ed25519"
    try:
        extensions = leaf.extensions
    except (ValueError, x509.DuplicateExtension):
        yield "its extensions cannot be read"
        return
    yield from _extension_problems(extensions)


def _extension_problems(extensions: x509.Extensions) -> Iterator[str]:
    constraints = _extension(extensions, x509.BasicConstraints)
    if constraints is None or not constraints.critical or constraints.value.ca:
        yield "critical basic constraints must say that it is no authority (CA:FALSE)"
    usage = _extension(extensions, x509.KeyUsage)
    if usage is None or not usage.critical or not usage.value.digital_signature:
        yield "a critical key usage must allow digital signatures"
    elif usage.value.key_cert_sign:
        yield "its key usage allows issuing certificates"
    for kind, name in ((x509.SubjectKeyIdentifier, "subject"), (x509.AuthorityKeyIdentifier, "authority")):
        if _extension(extensions, kind) is None:
            yield f"the {name} key identifier is missing"
    purposes = _extension(extensions, x509.ExtendedKeyUsage)
    named = set(purposes.value) if purposes else set()
    if not named.intersection(ACCEPTED_USAGES):
        yield "no extended key usage for signing claims, documents or e-mail"
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in named:
        yield "its extended key usage allows anything"
    if named & {ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.OCSP_SIGNING}:
        yield "it also serves time stamps or revocation answers, which must have a certificate of their own"


def _chain_problems(chain: list[x509.Certificate]) -> Iterator[str]:
    if len(chain) == 1:
        yield "the certificate of its issuer is missing: send the chain, not the leaf alone"
    for lower, upper in pairwise(chain):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature):
            yield f"{lower.subject.rfc4514_string()!r} was not issued by the next certificate of the chain"


def _extension(extensions: x509.Extensions, kind: type[_Kind]) -> x509.Extension[_Kind] | None:
    try:
        return extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ClaimKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    start = now - _BACKDATING
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _name(*, organisation: str, common_name: str) -> x509.Name:
    for text in (organisation, common_name):
        if not 1 <= len(text) <= _MAX_NAME or not text.isprintable():
            raise CertificateUnusable(f"a name in a certificate has 1 to {_MAX_NAME} printable characters")
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _aware(now: datetime) -> datetime:
    if now.tzinfo is None:
        raise CertificateUnusable("a date without a time zone")
    return now.replace(microsecond=0)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
