"""What a caller trusts (keys of logs and witnesses, or a C2SP tlog-policy file), and the cosignatures it requires."""

from collections.abc import Sequence
from dataclasses import dataclass

from countermark.content import Content, Source
from provenance.errors import InvalidRequest, MalformedNote, MalformedPolicy
from provenance.limits import MAX_POLICY_BYTES
from provenance.statement.encodings import parse_decimal
from provenance.transparency.note import COSIGNATURE_V1, ML_DSA_44, VerifierKey
from provenance.transparency.policy import Policy, WitnessRequirement


@dataclass(frozen=True)
class Trust:
    """The keys that a caller trusts, and the cosignatures that it requires.

    Attributes:
        named: keys of logs and witnesses, one by one.
        retired: for keys that their log has retired, the size of the largest tree that each signs.
        policy: None if none was given.
        max_age: of the newest cosignature, in seconds.
    """

    named: tuple[VerifierKey, ...]
    retired: dict[VerifierKey, int]
    policy: Policy | None = None
    max_age: float | None = None

    @classmethod
    def of(cls, log_keys: Sequence[str], policy: Source | None = None, max_age: float | None = None) -> "Trust":
        """From the arguments of `verify_receipt`. Raises MalformedNote, InvalidRequest."""
        if max_age is not None and not max_age >= 0:
            raise InvalidRequest("max_age must be a number of seconds, 0 or more")
        named, retired = parse_log_keys(log_keys)
        try:
            parsed = None if policy is None else Policy.parse(Content.of(policy).read(MAX_POLICY_BYTES))
        except MalformedPolicy as error:
            raise InvalidRequest(f"the policy is malformed: {error}") from error
        return cls(tuple(named), retired, parsed, max_age)

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """All keys, without duplicates."""
        policy = self.policy
        listed = () if policy is None else (*(log.key for log in policy.logs), *(each.key for each in policy.witnesses))
        return tuple(dict.fromkeys((*self.named, *listed)))

    def requirement(self, origin: str) -> WitnessRequirement:
        """The cosignatures required on a log's checkpoint: the policy's quorum, and each witness whose key is named."""
        named = tuple(key for key in self.named if _is_witness(key, origin, self.keys))
        return WitnessRequirement(self.policy, named, self.max_age)


def _is_witness(key: VerifierKey, origin: str, keys: Sequence[VerifierKey]) -> bool:
    """Whether the key is a witness's. An ML-DSA-44 key with the name of a log is that log's second key."""
    logs = {origin, *(each.name for each in keys if each.key_type not in (COSIGNATURE_V1, ML_DSA_44))}
    return key.key_type == COSIGNATURE_V1 or (key.key_type == ML_DSA_44 and key.name not in logs)


def parse_log_keys(log_keys: Sequence[str]) -> tuple[list[VerifierKey], dict[VerifierKey, int]]:
    """The keys, and the size of each that is given as `KEY@SIZE`. Raises MalformedNote."""
    trusted: list[VerifierKey] = []
    retired: dict[VerifierKey, int] = {}
    for text in log_keys:
        vkey, at, size = text.rpartition("@")
        bounded = at and "+" not in size  # a name may contain "@"; "+" is in no size
        key = VerifierKey.parse(vkey if bounded else text)
        trusted.append(key)
        if bounded:
            retired[key] = parse_decimal(size, MalformedNote)
    return trusted, retired
