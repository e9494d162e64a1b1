"""The check at start-up that signing works and that every protection is switched on.

c2pa ignores settings it does not know, so that only its behaviour shows whether they took effect.
"""

import io
import struct
import zlib
from dataclasses import replace
from datetime import datetime

import c2pa

from provenance.credentials.c2pa_settings import Settings, context
from provenance.credentials.certificates import is_widely_read
from provenance.credentials.claim import ClaimDescription
from provenance.credentials.reading import read_credentials
from provenance.credentials.report import CredentialState
from provenance.credentials.signing import ALGORITHMS, ClaimSigner, sign_embedded
from provenance.credentials.trust import TrustSettings
from provenance.errors import CredentialSettingsInvalid, CredentialSigningFailed

_TYPE = "image/png"
_CLAIM = ClaimDescription(
    title="start-up check",
    registry_url="https://registry.invalid/",
    generator="Countermark/probe",
    digital_source_type="digitalCreation",
    created=True,
)
_SOUND = ("Valid", "Trusted")
_NOWHERE = "http://127.0.0.1:9/manifest.c2pa"  # the discard port: nothing answers there


def probe(
    trust: TrustSettings, signer: ClaimSigner, *, now: datetime, expected: CredentialState | None = None
) -> CredentialState:
    """Sign a tiny picture and read it back, whole, altered, untrusted, and with its manifest elsewhere.

    It is read as others read it, too: by c2pa without any settings of ours, where the certificate is one that c2pa
    takes as it comes (`certificates.is_widely_read`). No time stamp is asked for.

    Args:
        now: as of `read_credentials`.
        expected: TRUSTED when the signer's authority should be on one of the lists, VALID_UNTRUSTED when it
            should not; None takes either.

    Returns:
        The state of the signed picture under `trust`.

    Raises:
        CredentialSettingsInvalid: an outcome is not the one that it has to be; says which.
    """
    try:
        copy = (
            sign_embedded(_picture(0), _TYPE, _CLAIM, replace(signer, tsa_url=None, stamp=None), trust=trust).data
            or b""
        )
    except CredentialSigningFailed as error:
        raise CredentialSettingsInvalid(f"a test picture could not be signed: {error}") from error
    state = read_credentials(copy, _TYPE, trust, now=now).state
    altered = copy.replace(_pixel(0), _pixel(1))
    outcomes = (
        ("signed", state, [expected] if expected else [CredentialState.TRUSTED, CredentialState.VALID_UNTRUSTED]),
        ("altered", read_credentials(altered, _TYPE, trust, now=now).state, [CredentialState.INVALID]),
        ("untrusted", read_credentials(copy, _TYPE, TrustSettings(), now=now).state, [CredentialState.VALID_UNTRUSTED]),
    )
    for name, outcome, allowed in outcomes:
        if outcome not in allowed:
            raise CredentialSettingsInvalid(f"the {name} test picture reads {outcome}, not {' or '.join(allowed)}")
    elsewhere = _state_elsewhere(copy)
    if elsewhere not in _SOUND and is_widely_read(signer.chain_pem):
        raise CredentialSettingsInvalid(f"the signed test picture reads {elsewhere} to others who use c2pa as it comes")
    if not _stays_offline(trust, signer):
        raise CredentialSettingsInvalid("c2pa tried to fetch a manifest that a test picture named")
    return state


def _state_elsewhere(copy: bytes) -> str | None:
    """The state of a copy under c2pa's own settings. They allow to fetch, and nothing in the copy gives reason to."""
    with c2pa.Reader(_TYPE, io.BytesIO(copy), context=c2pa.Context.from_dict({})) as reader:
        state: str | None = reader.get_validation_state()
        return state


def _stays_offline(trust: TrustSettings, signer: ClaimSigner) -> bool:
    settings = context(Settings.of(trust))
    copy = io.BytesIO()
    with (
        c2pa.Signer.from_callback(signer.sign, ALGORITHMS[signer.algorithm], signer.chain_pem) as native,
        c2pa.Builder(_CLAIM.definition(opened=False), settings) as builder,
    ):
        builder.set_remote_url(_NOWHERE)
        builder.set_no_embed()
        builder.sign(native, _TYPE, io.BytesIO(_picture(0)), copy)
    try:
        c2pa.Reader.try_create(_TYPE, io.BytesIO(copy.getvalue()), context=settings)
    except c2pa.C2paError as error:
        return str(error).startswith("Remote: must fetch")  # and not "could not fetch": it did not try
    return False


def _picture(grey: int) -> bytes:
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _pixel(grey) + _chunk(b"IEND", b"")


def _pixel(grey: int) -> bytes:
    return _chunk(b"IDAT", zlib.compress(bytes([0, grey])))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
