"""A publisher's own key: generated and held by the publisher, and enrolled with proof of possession."""

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
    """The public key, and the signatures that its enrolment needs.

    Attributes:
        possession: signature over the possession message, 64 bytes; see docs/reference/records.md.
        handover: by the replaced key, for a rotation if the service does not hold that key.
    """

    key: PublicKey
    possession: bytes
    handover: Handover | None = None

    @classmethod
    def of(cls, signer: Signer, origin: str, publisher: str, *, replaces: Signer | None = None) -> Self:
        """The key with its proofs, signed by a `LocalSigner` of `provenance.statement.keys`, a token or a key service.

        Args:
            signer: the key.
            origin: the log's name: the first line of its checkpoints.
            publisher: the publisher's id.
            replaces: the replaced key, if the service does not hold it.
        """
        handover = None if replaces is None else hand_over(replaces, signer.public_key, origin, publisher)
        return cls(signer.public_key, prove_possession(signer, origin, publisher), handover)

    def to_json(self) -> dict[str, Json]:
        """The JSON object of a request."""
        value: dict[str, Json] = {"key": self.key.to_jwk(), "possession": encode_base64url(self.possession)}
        if self.handover is not None:
            value["handover"] = write_object(self.handover)
        return value
