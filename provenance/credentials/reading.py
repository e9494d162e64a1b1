"""Reading the credentials of anybody's file.

C2PA 2.2, section 15 (validation), done by c2pa; here its answer is judged, conservatively: a state is only
ever lowered, text is bounded, and a signer counts as trusted only through a list for signers.
"""

import io
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import c2pa

from provenance.credentials.c2pa_settings import Settings, context
from provenance.credentials.jumbf import read_facts
from provenance.credentials.manifest_store import ManifestStore
from provenance.credentials.report import (
    EMPTY_SIDECAR,
    TOO_LARGE,
    UNREADABLE_FILE,
    UNSUPPORTED_FORMAT,
    CredentialReport,
    CredentialState,
    IngredientReport,
)
from provenance.credentials.trust import TrustSettings
from provenance.limits import MAX_CREDENTIAL_TEXT, MAX_INGREDIENT_THUMBNAIL_BYTES, MAX_MANIFEST_BYTES

__all__ = ["CredentialReport", "CredentialState", "IngredientReport", "read_credentials"]

_REMOTE = re.compile(r"Remote: .*?\burl (?P<url>\S+)", re.DOTALL)


def read_credentials(
    data: bytes,
    media_type: str,
    trust: TrustSettings,
    *,
    now: datetime,
    sidecar: bytes | None = None,
    thumbnails: bool = False,
) -> CredentialReport:
    """Read and judge the credentials of `data`.

    Args:
        media_type: a hint; c2pa looks at the bytes.
        trust: whose signatures and time stamps to believe.
        now: when a certificate has to be in force where c2pa accepted a time stamp that no list vouches for, or where
            an ingredient was checked by another signer. For the rest c2pa asks the clock itself.
        sidecar: manifest that came beside the file; it is then read instead of what is embedded.
        thumbnails: with those of the nearest ingredients, not decoded: as many as are drawn.

    Returns:
        A report for any bytes at all: what cannot be read is UNREADABLE.

    Raises:
        CredentialSettingsInvalid: c2pa refuses the trust lists.
    """
    if sidecar is not None and not 0 < len(sidecar) <= MAX_MANIFEST_BYTES:
        return _unreadable(TOO_LARGE if sidecar else EMPTY_SIDECAR)
    settings = Settings.of(trust)
    found = _read(data, media_type, settings, sidecar, thumbnails=thumbnails)
    if isinstance(found, CredentialReport):
        return found
    store = found.store
    signers_alone: ManifestStore | None = None
    if trust.tsa_uris and store.trusts_ingredients:
        # For an ingredient c2pa does not tell which anchor its signer leads to: ask again without the others.
        again = _read(data, media_type, settings.for_signers_alone(), sidecar)
        if isinstance(again, CredentialReport):
            return again
        signers_alone = again.store
    facts = read_facts(found.manifest, store.active_id)
    return store.report(trust, facts, signers_alone, now=now, beside=sidecar is not None, thumbnails=found.thumbnails)


class _Found(NamedTuple):
    """What c2pa has read: its description, the bytes of the store, and thumbnails by their address in it."""

    store: ManifestStore
    manifest: bytes
    thumbnails: Mapping[str, bytes]


def _read(
    data: bytes, media_type: str, settings: Settings, sidecar: bytes | None, *, thumbnails: bool = False
) -> _Found | CredentialReport:
    try:
        reader = c2pa.Reader.try_create(media_type, io.BytesIO(data), sidecar, context=context(settings))
        if reader is None:
            return CredentialReport(CredentialState.ABSENT)
        with reader:
            text = reader.json()
            if len(text) > MAX_MANIFEST_BYTES:
                return _unreadable(TOO_LARGE)
            store = ManifestStore(json.loads(text))
            pictures = _resources(reader, store.thumbnails()) if thumbnails else {}
            return _Found(store, _manifest_bytes(reader, store.active_id), pictures)
    except c2pa.C2paError as error:
        return _unreadable_report(str(error))
    except (ValueError, RecursionError):  # JSON that is nested too deeply, or a media type that is no text
        return _unreadable(UNREADABLE_FILE)


def _manifest_bytes(reader: c2pa.Reader, manifest_id: str) -> bytes:
    # c2pa writes the store out again, box by box: what it returns is what it checked.
    store = io.BytesIO()
    try:
        reader.resource_to_stream(f"self#jumbf=/c2pa/{manifest_id}", store)
    except c2pa.C2paError:
        return b""
    return store.getvalue()


def _resources(reader: c2pa.Reader, addresses: Iterable[str]) -> dict[str, bytes]:
    """By their address in the store; without those that are not there or too large."""
    found: dict[str, bytes] = {}
    for address in addresses:
        picture = io.BytesIO()
        try:
            reader.resource_to_stream(address, picture)
        except c2pa.C2paError:
            continue
        if picture.tell() <= MAX_INGREDIENT_THUMBNAIL_BYTES:
            found[address] = picture.getvalue()
    return found


def _unreadable_report(message: str) -> CredentialReport:
    if remote := _REMOTE.match(message):
        url = "".join(filter(str.isprintable, remote["url"]))[:MAX_CREDENTIAL_TEXT]
        return CredentialReport(CredentialState.REMOTE_ONLY, problems=("manifest.inaccessible",), remote_url=url)
    return _unreadable(UNSUPPORTED_FORMAT if message.startswith("NotSupported") else UNREADABLE_FILE)


def _unreadable(problem: str) -> CredentialReport:
    return CredentialReport(CredentialState.UNREADABLE, problems=(problem,))
