"""Keys and records of the logs in tests: the same ones for the same names, in every process."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provenance.statement.handover import hand_over, prove_possession
from provenance.statement.keys import LocalSigner
from provenance.statement.record import (
    SUPERSEDES,
    AssetRegistered,
    Identity,
    LogGenesis,
    MediaFacts,
    Parent,
    PublisherKey,
    SketchFacts,
)
from provenance.statement.record.keys import KeyAction
from provenance.transparency.note import COSIGNATURE_V1, ED25519, VerifierKey

ORIGIN = "log.newsroom.example"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ATTESTED = Identity("operator-attested", "seen by the registry desk")


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def signer(name: str) -> LocalSigner:
    return LocalSigner(Ed25519PrivateKey.from_private_bytes(digest(name)))


def verifier_key(name: str, key_type: int = ED25519) -> VerifierKey:
    """The key of the signer of that name, under that name."""
    return VerifierKey(name, key_type, signer(name).public_key.raw)


LOG, OPERATOR, PUBLISHER, WITNESS = signer("log"), signer("operator"), signer("daily key"), signer("witness")
KEY = VerifierKey(ORIGIN, ED25519, LOG.public_key.raw)
WITNESS_KEY = VerifierKey("witness.example", COSIGNATURE_V1, WITNESS.public_key.raw)


def genesis(*log_keys: VerifierKey, **changes: Any) -> LogGenesis:
    """The first record of a log; `changes` are of its fields."""
    vkeys = tuple(map(str, log_keys or (KEY,)))
    record = LogGenesis(digest("genesis"), START, ORIGIN, "The Newsroom", vkeys, (OPERATOR.public_key,))
    return replace(record, **changes)


def publisher_key(
    action: KeyAction,
    key: LocalSigner,
    publisher: str = "daily",
    *,
    replaces: LocalSigner | None = None,
    **changes: Any,
) -> PublisherKey:
    """What an operator states about a publisher's key; `replaces` hands over to it."""
    revoked = action == "revoke"
    record = PublisherKey(
        salt=digest(f"{action} {publisher} {key.public_key.raw.hex()}"),
        claimed_at=START,
        publisher=publisher,
        name=f"The {publisher.title()}",
        identity=ATTESTED,
        action=action,
        key=key.public_key,
        possession=None if revoked else prove_possession(key, ORIGIN, publisher),
        reason="lost" if revoked else None,
        handover=None if replaces is None else hand_over(replaces, key.public_key, ORIGIN, publisher),
    )
    return replace(record, **changes)


def asset(
    name: str, parents: Iterable[bytes] = (), *, salt: str = "", supersedes: bytes | None = None, **changes: Any
) -> AssetRegistered:
    """The registration of a picture: the same name makes the same claims, whatever the salt."""
    replaced = () if supersedes is None else (Parent(supersedes, SUPERSEDES),)
    record = AssetRegistered(
        salt=digest(f"salt {name} {salt}"),
        claimed_at=START,
        publisher="daily",
        media=MediaFacts(digest(f"media {name}"), 1000, "image/jpeg", 640, 480, digest(f"pixels {name}")),
        fingerprints={
            "org.countermark.phash.v1": digest(f"phash {name}")[:8].hex(),
            "org.countermark.pdq.v1": {"value": digest(f"pdq {name}").hex(), "quality": 90},
        },
        sketch=SketchFacts(digest(f"sketch of {name}"), "countermark-sketch-1"),
        title=name,
        parents=(*(Parent(parent, "parentOf") for parent in parents), *replaced),
    )
    return replace(record, **changes)
