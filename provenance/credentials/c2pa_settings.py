"""The one set of c2pa settings that Countermark uses.

c2pa ignores unknown keys silently, so that a misspelt key switches a protection off. The settings are
therefore frozen dataclasses without free keys, every protection is written out even where it is c2pa's
default, and `probe` checks at start-up that they took effect.
"""

import os
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from json import dumps

import c2pa

from provenance.credentials.certificates import ACCEPTED_USAGES
from provenance.credentials.trust import TrustSettings
from provenance.errors import CredentialSettingsInvalid

# Without this list only e-mail protection passes, and every other certificate reads as invalid.
_ACCEPTED_USAGES = "\n".join(usage.dotted_string for usage in ACCEPTED_USAGES)

_SIGNERS_URI = "urn:countermark:signers"  # c2pa asks for an address, and does not return it


@dataclass(frozen=True)
class _Anchor:
    trust_anchors: str
    trust_uri: str
    trust_kind: str
    allowed_list: str = ""


@dataclass(frozen=True)
class _Trust:
    anchors: tuple[_Anchor, ...]
    trust_config: str = _ACCEPTED_USAGES


@dataclass(frozen=True)
class _Verify:
    verify_after_reading: bool = True
    verify_after_sign: bool = True
    verify_trust: bool = True
    verify_timestamp_trust: bool = True
    ocsp_fetch: bool = False
    remote_manifest_fetch: bool = False
    skip_ingredient_conflict_resolution: bool = False
    strict_v1_validation: bool = False


@dataclass(frozen=True)
class _Core:
    allowed_network_hosts: tuple[str, ...] = ()  # empty: no host at all
    allow_redirects: bool = False
    decode_identity_assertions: bool = False  # offline, a CAWG identity would make a file invalid
    backing_store_memory_threshold_in_mb: int = 32
    max_decompressed_manifest_size_in_mb: int = 32
    prefer_compress_manifests: bool = False


@dataclass(frozen=True)
class _Switch:
    enabled: bool = False


@dataclass(frozen=True)
class _Actions:
    auto_created_action: _Switch = _Switch()
    auto_opened_action: _Switch = _Switch()
    auto_placed_action: _Switch = _Switch()


@dataclass(frozen=True)
class _Builder:
    thumbnail: _Switch = _Switch()  # c2pa's own costs 386 ms against 14 ms for the signature
    actions: _Actions = _Actions()
    auto_timestamp_assertion: _Switch = _Switch()


@dataclass(frozen=True)
class Settings:
    """What a c2pa context is made with. `of` is the way to make one."""

    trust: _Trust
    verify: _Verify = _Verify()
    core: _Core = _Core()
    builder: _Builder = _Builder()
    version: int = field(default=1)

    @classmethod
    def of(cls, trust: TrustSettings) -> "Settings":
        """The settings under which `trust` decides who is trusted."""
        anchors = [_Anchor(anchor.pem, anchor.uri, anchor.kind) for anchor in trust.anchors]
        if trust.signers:
            anchors.append(_Anchor("", _SIGNERS_URI, "manifest", "".join(trust.signers)))
        return cls(trust=_Trust(tuple(anchors)))

    def for_signers_alone(self) -> "Settings":
        """The same without time-stamp anchors, taking time stamps on trust: who vouches for the *signer*?"""
        anchors = tuple(anchor for anchor in self.trust.anchors if anchor.trust_kind == "manifest")
        return replace(
            self, trust=replace(self.trust, anchors=anchors), verify=replace(self.verify, verify_timestamp_trust=False)
        )

    def to_json(self) -> str:
        """The document that c2pa takes."""
        return dumps(asdict(self))


def context(settings: Settings) -> c2pa.Context:
    """This process's c2pa context for `settings`, made on first use and shared by its threads.

    Raises:
        CredentialSettingsInvalid: c2pa refuses the settings.
    """
    return _context(os.getpid(), settings)


@lru_cache(maxsize=16)
def _context(_process: int, settings: Settings) -> c2pa.Context:
    # The process is part of the key because a context that was inherited through fork() is dead.
    try:
        return c2pa.Context.from_json(settings.to_json())
    except c2pa.C2paError as error:
        raise CredentialSettingsInvalid(f"c2pa refuses the settings: {error}") from error
