"""Registering one file of many, and keeping what comes of it: the receipt, and the signed copy or the manifest.

A service carries out equal registrations (bytes, claims, publisher) once: whatever was interrupted is repeated from its
start, and leads to the same record.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countermark.audit.patience import Stopped
from countermark.audit.report import shown
from provenance.errors import FrozenLog, KeyRefused, NotAuthenticated, NotPermitted, StoreUnavailable, WrongService
from provenance.quotation import quote

if TYPE_CHECKING:
    from countermark.async_client import AsyncClient
    from countermark.claims import Claims
    from countermark.models import RegisteredAsset, UploadedMedia
    from provenance.statement.keys import Signer

REFUSALS = (Stopped, NotAuthenticated, NotPermitted, KeyRefused, WrongService, FrozenLog, StoreUnavailable)
"""What ends the work: the service is gone, or would answer the same to every file, or the disk here is full."""


_TERMS = {
    "title": "title",
    "caption": "caption",
    "byline": "byline",
    "credit": "credit",
    "rights": "rights",
    "captured_at": "taken",
}
"""Words for what a file says."""

Ask = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""`Patience.ask`."""


def says(name: str, uploaded: "UploadedMedia", claims: "Claims") -> list[str]:
    """In lines, what will be claimed because a file says so, and what was left out: told before it is signed."""
    found = uploaded.says
    if found is None or not claims.get("metadata_from_file"):
        return []
    names = [each.name for each in fields(found) if each.name != "notes" and claims.get(each.name) is None]
    said = [(_TERMS[each], getattr(found, each)) for each in names if getattr(found, each) is not None]
    told = "; ".join(f"{term} {quote(str(value))}" for term, value in said)
    return [*([f"{name} says of itself: {told}"] if told else []), *(f"{name}: {note}" for note in found.notes)]


def understood(uploaded: "UploadedMedia", claims: "Claims") -> "Claims":
    """The claims as this service understands them: one that does not tell what a file says takes nothing over."""
    return claims if uploaded.says is not None else {**claims, "metadata_from_file": None}


async def register(
    client: "AsyncClient",
    patiently: Ask,
    path: Path,
    claims: "Claims",
    tell: Callable[[str], None],
    signer: "Signer | None" = None,
) -> "RegisteredAsset":
    """Uploads and registers a file; what it says of itself is told before it is signed, by `signer` or the service."""
    uploaded: UploadedMedia = await patiently(lambda: client.upload(path))
    for line in says(shown(os.fsencode(path)), uploaded, claims):
        tell(line)
    stated = understood(uploaded, claims)
    if signer is None:
        asset: RegisteredAsset = await patiently(lambda: client.register(uploaded, **stated))
    else:
        asset = await patiently(lambda: client.register_signed(path, signer, uploaded=uploaded, **stated))
    return asset


def receipt_name(name: str) -> str:
    """What the receipt of the file `name` is called."""
    return f"{name}.countermark"


def files_of(asset: "RegisteredAsset", name: str) -> list[tuple[str, Callable[[Any], Any]]]:
    """What is kept of a registration of the file `name`: names, and how to ask a client of either kind for each."""
    at = Path(name)
    kept: list[tuple[str, Callable[[Any], Any]]] = [(receipt_name(at.name), lambda client: client.receipt(asset.id))]
    if asset.credential is not None and asset.credential.embedded:
        stripped = asset.metadata.public_copy == "stripped"  # then the public copy is the one to publish
        copy = f"{at.stem}.signed{at.suffix}"
        kept.append((copy, lambda client: client.credentialed(asset.id, public=stripped)))
    elif asset.credential is not None:
        kept.append((f"{at.name}.c2pa", lambda client: client.manifest(asset.id)))
    return kept


async def keep(client: "AsyncClient", patiently: Ask, asset: "RegisteredAsset", name: str, folder: Path) -> list[Path]:
    """Saves what is kept of a registration, each file whole and durable, the receipt first; where they are.

    Raises:
        StoreUnavailable: they cannot be written.
        CountermarkError: the service does not give them.
    """
    saved = []
    for file, ask in files_of(asset, name):
        write_durably(folder / file, await patiently(lambda ask=ask: ask(client)))  # type: ignore[misc]  # bound now
        saved.append(folder / file)
    return saved


def write_durably(path: Path, data: bytes) -> None:
    """Writes a file so that it is there as a whole or not at all, also after a power cut. Raises StoreUnavailable."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error.strerror or error}") from error


def sync_folder(folder: Path) -> None:
    """Makes names in a folder durable. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
