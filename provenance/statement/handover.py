"""Proofs of possession and handovers: what a publisher's keys sign when one is enrolled or replaces another.

A handover leads whoever knows a publisher by its old key to the new one, by that key itself and not by the operator's
statement alone. A key that is lost cannot hand over: it is revoked, and another one is enrolled.

A proof of possession is by the key that is enrolled. Without it an operator's record could claim another publisher's
public key, and with it that publisher's statements (RFC 4211 §4 states the need).

Both are signatures over a few lines of text that bind them to one log and one publisher.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from provenance.errors import MalformedRecord
from provenance.statement.canonical_json import Json
from provenance.statement.codec import Key, Signature
from provenance.statement.keys import PublicKey, Signer


@dataclass(frozen=True)
class Handover:
    """A handover as a `publisher.key` record holds it.

    Attributes:
        key: the key that is replaced.
        signature: by that key over `handover_message`, 64 bytes.
        extra: unknown fields, kept.
    """

    key: Key
    signature: Signature
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def verify(self, successor: PublicKey, origin: str, publisher: str) -> None:
        """Accepts the handover to `successor`. Raises SignatureInvalid."""
        message = handover_message(origin, publisher, self.key.thumbprint, successor.thumbprint)
        self.key.verify(self.signature, message)


def handover_message(origin: str, publisher: str, old: bytes, new: bytes) -> bytes:
    """What the old key signs: five lines of UTF-8, each ended by a newline.

    Args:
        origin: the log's origin.
        publisher: the publisher's id.
        old: the COSE key thumbprint of the key that is replaced, 32 bytes; written in hexadecimal.
        new: that of the key that takes its place.

    Raises:
        MalformedRecord: a line break inside a line.
    """
    return _message("countermark handover v1", origin, publisher, old.hex(), new.hex())


def hand_over(signer: Signer, successor: PublicKey, origin: str, publisher: str) -> Handover:
    """The handover by the old key's signer."""
    key = signer.public_key
    message = handover_message(origin, publisher, key.thumbprint, successor.thumbprint)
    return Handover(key, signer.sign(message))


def possession_message(origin: str, publisher: str, thumbprint: bytes) -> bytes:
    """What the key signs: four lines of UTF-8, each ended by a newline.

    Args:
        origin: the log's origin.
        publisher: the publisher's id.
        thumbprint: the key's COSE key thumbprint, 32 bytes; the last line is its hexadecimal form.

    Raises:
        MalformedRecord: a line break inside a line.
    """
    return _message("countermark possession v1", origin, publisher, thumbprint.hex())


def prove_possession(signer: Signer, origin: str, publisher: str) -> bytes:
    """The 64-byte proof for a `publisher.key` record."""
    return signer.sign(possession_message(origin, publisher, signer.public_key.thumbprint))


def verify_possession(key: PublicKey, proof: bytes, origin: str, publisher: str) -> None:
    """Accepts the proof of a `publisher.key` record.

    Raises:
        SignatureInvalid: the key did not sign for this log and this publisher.
    """
    key.verify(proof, possession_message(origin, publisher, key.thumbprint))


def _message(*lines: str) -> bytes:
    if any("\n" in line for line in lines):
        raise MalformedRecord("neither an origin nor a publisher id holds a line break")
    return "".join(f"{line}\n" for line in lines).encode("utf-8")
