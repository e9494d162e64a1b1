"""A publisher's own key: made and kept by the publisher, and enrolled with the proofs that it holds it."""

from dataclasses import dataclass
from typing import Literal, Self

from provenance.statement.canonical_json import Json
from provenance.statement.codec import write_object
from provenance.statement.encodings import encode_base64url
from provenance.statement.handover import Handover, hand_over, prove_possession
from provenance.statement.keys import PublicKey, Signer

KeyAlgorithm = Literal["Ed25519", "ES256"]


@dataclass(frozen=True)
class OwnKey:
    """The public half of a key, and what its holder has signed to have it enrolled.

    Attributes:
        possession: 64 bytes; see docs/reference/records.md.
        handover: by the key that it replaces, of a rotation where the service does not hold that one.
    """

    key: PublicKey
    possession: bytes
    handover: Handover | None = None

    @classmethod
    def of(cls, signer: Signer, origin: str, publisher: str, *, replaces: Signer | None = None) -> Self:
        """The proofs, made by whoever holds the key: `provenance.statement.keys.LocalSigner`, a token, a key service.

        Args:
            signer: the key.
            origin: the log's name, as its checkpoints have it in their first line.
            publisher: the publisher's id.
            replaces: the key that it replaces, where that one is not held by the service.
        """
        handover = None if replaces is None else hand_over(replaces, signer.public_key, origin, publisher)
        return cls(signer.public_key, prove_possession(signer, origin, publisher), handover)

    def to_json(self) -> dict[str, Json]:
        """The object that the service takes."""
        value: dict[str, Json] = {"key": self.key.to_jwk(), "possession": encode_base64url(self.possession)}
        if self.handover is not None:
            value["handover"] = write_object(self.handover)
        return value
