"""Whom a caller trusts: keys of logs and witnesses, one by one or as a C2SP tlog-policy file, and what is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from countermark.content import Content, Source
from provenance.errors import InvalidRequest, MalformedNote, MalformedPolicy
from provenance.limits import MAX_POLICY_BYTES
from provenance.statement.encodings import parse_decimal
from provenance.transparency.note import COSIGNATURE_V1, ML_DSA_44, VerifierKey
from provenance.transparency.policy import Demand, Policy


@dataclass(frozen=True)
class Trust:
    """The keys that a caller trusts, and what it asks of witnesses.

    Attributes:
        named: keys of logs and witnesses, one by one.
        retired: of keys that their log has retired, the largest tree that each signs.
        policy: where one was given.
        max_age: seconds.
    """

    named: tuple[VerifierKey, ...]
    retired: dict[VerifierKey, int]
    policy: Policy | None = None
    max_age: float | None = None

    @classmethod
    def of(cls, log_keys: Sequence[str], policy: Source | None = None, max_age: float | None = None) -> "Trust":
        """From what a caller says: see `verify_receipt`. Raises MalformedNote, InvalidRequest."""
        if max_age is not None and not max_age >= 0:
            raise InvalidRequest("the largest age of a checkpoint is a number of seconds, 0 or more")
        named, retired = parse_log_keys(log_keys)
        try:
            parsed = None if policy is None else Policy.parse(Content.of(policy).read(MAX_POLICY_BYTES))
        except MalformedPolicy as error:
            raise InvalidRequest(f"the policy cannot be used: {error}") from error
        return cls(tuple(named), retired, parsed, max_age)

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """All, each once."""
        policy = self.policy
        listed = () if policy is None else (*(log.key for log in policy.logs), *(each.key for each in policy.witnesses))
        return tuple(dict.fromkeys((*self.named, *listed)))

    def demand(self, origin: str) -> Demand:
        """What is asked of the witnesses of a log's checkpoint: the policy's quorum, and each witness that is named."""
        named = tuple(key for key in self.named if _is_witness(key, origin, self.keys))
        return Demand(self.policy, named, self.max_age)


def _is_witness(key: VerifierKey, origin: str, keys: Sequence[VerifierKey]) -> bool:
    """An ML-DSA-44 key may be a log's second: it then has the name of a log."""
    logs = {origin, *(each.name for each in keys if each.key_type not in (COSIGNATURE_V1, ML_DSA_44))}
    return key.key_type == COSIGNATURE_V1 or (key.key_type == ML_DSA_44 and key.name not in logs)


def parse_log_keys(log_keys: Sequence[str]) -> tuple[list[VerifierKey], dict[VerifierKey, int]]:
    """The keys, and of those given as `KEY@SIZE` the size. Raises MalformedNote."""
    trusted: list[VerifierKey] = []
    retired: dict[VerifierKey, int] = {}
    for text in log_keys:
        vkey, at, size = text.rpartition("@")
        bounded = at and "+" not in size  # a name may hold the sign, what stands behind it may not
        key = VerifierKey.parse(vkey if bounded else text)
        trusted.append(key)
        if bounded:
            retired[key] = parse_decimal(size, MalformedNote)
    return trusted, retired
