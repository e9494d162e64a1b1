"""Trust lists: whose signatures and whose time stamps a reader accepts.

C2PA 2.2, section 14.4: signers and time-stamp authorities have lists of their own. c2pa-rs 0.91 takes the
kind of a list and does not enforce it: a signer that chains to a time-stamp anchor reads as trusted there.
So each anchor is handed over under an address that is made from the anchor itself; the address that comes
back with a verdict tells which lists hold that anchor, whatever the order or the overlap of the lists. Of a signer that
is on a list itself no address comes back: the list is found by the certificate. Certificates that make time stamps
are handed over as no signers: c2pa would take them for such.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from provenance.credentials.certificates import ACCEPTED_USAGES, parse_certificates
from provenance.errors import CertificateUnusable, CredentialSettingsInvalid
from provenance.transparency import timestamp

ListKind = Literal["manifest", "tsa"]

UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography` raises for a stranger's certificate, or a part of one, that it cannot read."""


@dataclass(frozen=True)
class TrustList:
    """Trusted certificates, under the name and version that a verdict shows.

    They are those of authorities, or of the signers themselves (end-entity certificates, as on IPTC's list of verified
    news publishers), or some of each.

    Attributes:
        name: for example "C2PA Trust List".
        version: the date or number of this edition.
        pem: the certificates. It may be blank but for comments ("#"): such a list matches nothing yet.
        kind: "manifest" for authorities of claim signers, "tsa" for time-stamp authorities.

    Raises:
        CredentialSettingsInvalid: unnamed, of an unknown kind, unreadable, or of certificates that can match nothing.
    """

    name: str
    version: str
    pem: str
    kind: ListKind = "manifest"

    def __post_init__(self) -> None:
        if not (self.name.strip() and self.version.strip() and (self.name + self.version).isprintable()):
            raise CredentialSettingsInvalid("a trust list needs a printable name and version")
        if self.kind not in ("manifest", "tsa"):
            raise CredentialSettingsInvalid(f"trust list {self.name!r}: kind {self.kind!r} is neither manifest nor tsa")
        if "PRIVATE KEY" in self.pem:
            raise CredentialSettingsInvalid(f"trust list {self.name!r} holds a private key")
        if self.empty:
            return
        try:
            matching = [
                certificate for certificate in parse_certificates(self.pem) if _can_match(certificate, self.kind)
            ]
        except (CertificateUnusable, *UNREADABLE) as error:
            raise CredentialSettingsInvalid(f"trust list {self.name!r}: {error}") from error
        if not matching:
            raise CredentialSettingsInvalid(
                f"trust list {self.name!r} can match nothing: it holds neither an authority"
                + (" nor a certificate that signs claims" if self.kind == "manifest" else ", as a list for tsa has to")
            )

    @property
    def empty(self) -> bool:
        """It holds nothing but white space and comments: a list that has no entries yet."""
        return all(not line.strip() or line.lstrip().startswith("#") for line in self.pem.splitlines())

    @property
    def title(self) -> str:
        """Name and version, as shown in a verdict."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class TrustAnchor:
    """One authority as c2pa takes it: its certificates, our address for it, and what it may vouch for."""

    pem: str
    uri: str
    kind: ListKind


@dataclass(frozen=True)
class TrustSettings:
    """The lists a reader believes. With none, every signature that verifies is by somebody untrusted."""

    lists: tuple[TrustList, ...] = ()

    @cached_property
    def anchors(self) -> tuple[TrustAnchor, ...]:
        """Every authority of the lists once for each kind, sorted; certificates of one key share an address."""
        pems: dict[tuple[str, ListKind], set[str]] = {}
        for trust_list in self.lists:
            for certificate in _authorities(trust_list.pem):
                pems.setdefault((_anchor_uri(certificate), trust_list.kind), set()).add(_pem(certificate))
        return tuple(TrustAnchor("".join(sorted(pem)), uri, kind) for (uri, kind), pem in sorted(pems.items()))

    @cached_property
    def signers(self) -> tuple[str, ...]:
        """PEM of every signer that is on a list itself, sorted."""
        lists = (trust_list for trust_list in self.lists if trust_list.kind == "manifest")
        return tuple(sorted({_pem(each) for trust_list in lists for each in _signers(trust_list.pem)}))

    @cached_property
    def _holders(self) -> dict[tuple[str, ListKind], TrustList]:
        holders: dict[tuple[str, ListKind], TrustList] = {}
        for trust_list in self.lists:
            for certificate in _authorities(trust_list.pem):
                holders.setdefault((_anchor_uri(certificate), trust_list.kind), trust_list)
        return holders

    def list_of_chain(self, chain: Sequence[bytes]) -> TrustList | None:
        """The first list for signers that holds the first certificate of `chain` (DER), or an authority it leads to.

        Dates are left aside: whether a certificate was in force is another question. Signatures, names and the right to
        issue are checked.
        """
        lists = [trust_list for trust_list in self.lists if trust_list.kind == "manifest"]
        try:
            path = [x509.load_der_x509_certificate(each) for each in chain]
            return next((each for each in lists if path and _vouches(each.pem, path)), None)
        except UNREADABLE:
            return None

    @cached_property
    def time_anchors(self) -> tuple[timestamp.TimestampAuthority, ...]:
        """The lists for time stamps, as RFC 3161 tokens are checked with them."""
        lists = (trust_list for trust_list in self.lists if trust_list.kind == "tsa" and not trust_list.empty)
        return tuple(timestamp.TimestampAuthority(each.title, _authorities(each.pem)) for each in lists)

    def list_with(self, uri: str | None, kind: ListKind) -> TrustList | None:
        """The first list of `kind` that holds the anchor with address `uri`."""
        return self._holders.get((uri, kind)) if uri else None

    @property
    def tsa_uris(self) -> frozenset[str]:
        """Addresses of the anchors that may vouch for time stamps."""
        return frozenset(anchor.uri for anchor in self.anchors if anchor.kind == "tsa")


@lru_cache(maxsize=64)
def _certificates(pem: str) -> tuple[x509.Certificate, ...]:
    return tuple(parse_certificates(pem)) if "BEGIN CERTIFICATE" in pem else ()


def _authorities(pem: str) -> tuple[x509.Certificate, ...]:
    return tuple(each for each in _certificates(pem) if _is_authority(each))


def _signers(pem: str) -> tuple[x509.Certificate, ...]:
    return tuple(each for each in _certificates(pem) if not _is_authority(each))


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return certificate.issuer == certificate.subject  # as roots were before there were extensions


def _can_match(certificate: x509.Certificate, kind: ListKind) -> bool:
    values = [extension.value for extension in certificate.extensions]
    if _is_authority(certificate):
        return all(value.key_cert_sign for value in values if isinstance(value, x509.KeyUsage))
    usages = [usage for value in values if isinstance(value, x509.ExtendedKeyUsage) for usage in value]
    return kind == "manifest" and any(usage in ACCEPTED_USAGES for usage in usages)


def _vouches(pem: str, path: Sequence[x509.Certificate]) -> bool:
    if path[0] in _signers(pem):
        return True
    authorities = _authorities(pem)
    for below, certificate in enumerate(path):
        if below and not _is_authority(certificate):
            return False
        if below and not _is_issued_by(path[below - 1], certificate):
            return False
        if (below and certificate in authorities) or any(_is_issued_by(certificate, each) for each in authorities):
            return True
    return False


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _anchor_uri(certificate: x509.Certificate) -> str:
    # A renewed authority has the same name and key, and the same signatures verify under both certificates.
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = hashlib.sha256(certificate.subject.public_bytes() + key).hexdigest()
    return f"urn:countermark:anchor:{digest}"
