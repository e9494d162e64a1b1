"""Trust lists: whose signatures and whose time stamps a reader accepts.

C2PA 2.2, section 14.4: signers and time-stamp authorities have lists of their own. c2pa-rs 0.91 takes the
kind of a list and does not enforce it: a signer that chains to a time-stamp anchor reads as trusted there.
So each anchor is handed over under an address that is made from the anchor itself; the address that comes
back with a verdict tells which lists hold that anchor, whatever the order or the overlap of the lists.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from provenance.credentials.certificates import parse_certificates
from provenance.errors import CertificateUnusable, CredentialSettingsInvalid

ListKind = Literal["manifest", "tsa"]


@dataclass(frozen=True)
class TrustList:
    """Certificates of authorities, under the name and version that a verdict shows.

    Attributes:
        name: for example "C2PA Trust List".
        version: the date or number of this edition.
        pem: the authorities' certificates.
        kind: "manifest" for authorities of claim signers, "tsa" for time-stamp authorities.

    Raises:
        CredentialSettingsInvalid: unnamed, of an unknown kind, or without a single readable certificate.
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
        try:
            parse_certificates(self.pem)
        except CertificateUnusable as error:
            raise CredentialSettingsInvalid(f"trust list {self.name!r}: {error}") from error

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
            for uri, pem in _authorities(trust_list.pem):
                pems.setdefault((uri, trust_list.kind), set()).add(pem)
        return tuple(TrustAnchor("".join(sorted(pem)), uri, kind) for (uri, kind), pem in sorted(pems.items()))

    @cached_property
    def _holders(self) -> dict[tuple[str, ListKind], TrustList]:
        holders: dict[tuple[str, ListKind], TrustList] = {}
        for trust_list in self.lists:
            for uri, _ in _authorities(trust_list.pem):
                holders.setdefault((uri, trust_list.kind), trust_list)
        return holders

    def list_with(self, uri: str | None, kind: ListKind) -> TrustList | None:
        """The first list of `kind` that holds the anchor with address `uri`."""
        return self._holders.get((uri, kind)) if uri else None

    @property
    def tsa_uris(self) -> frozenset[str]:
        """Addresses of the anchors that may vouch for time stamps."""
        return frozenset(anchor.uri for anchor in self.anchors if anchor.kind == "tsa")


@lru_cache(maxsize=64)
def _authorities(pem: str) -> tuple[tuple[str, str], ...]:
    """Address and PEM of each certificate."""
    return tuple(
        (_anchor_uri(certificate), certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"))
        for certificate in parse_certificates(pem)
    )


def _anchor_uri(certificate: x509.Certificate) -> str:
    # A renewed authority has the same name and key, and the same signatures verify under both certificates.
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = hashlib.sha256(certificate.subject.public_bytes() + key).hexdigest()
    return f"urn:countermark:anchor:{digest}"
