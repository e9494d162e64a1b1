"""Proof that a publisher holds the private key that is enrolled in its name.

Without it an operator's record could claim another publisher's public key, and with it that publisher's statements
(RFC 4211 §4 states the need). The proof is a signature by the key over a message that binds it to one log and one
publisher.
"""

from provenance.errors import MalformedRecord
from provenance.statement.keys import PublicKey, Signer


def possession_message(origin: str, publisher: str, thumbprint: bytes) -> bytes:
    """What the key signs: four lines of UTF-8, each ended by a newline.

    Args:
        origin: the log's origin.
        publisher: the publisher's id.
        thumbprint: the key's COSE key thumbprint, 32 bytes; the last line is its hexadecimal form.

    Raises:
        MalformedRecord: a line break inside a line.
    """
    lines = ("countermark possession v1", origin, publisher, thumbprint.hex())
    if any("\n" in line for line in lines):
        raise MalformedRecord("neither an origin nor a publisher id holds a line break")
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def prove_possession(signer: Signer, origin: str, publisher: str) -> bytes:
    """The 64-byte proof for a `publisher.key` record."""
    return signer.sign(possession_message(origin, publisher, signer.public_key.thumbprint))


def verify_possession(key: PublicKey, proof: bytes, origin: str, publisher: str) -> None:
    """Accepts the proof of a `publisher.key` record.

    Raises:
        SignatureInvalid: the key did not sign for this log and this publisher.
    """
    key.verify(proof, possession_message(origin, publisher, key.thumbprint))
