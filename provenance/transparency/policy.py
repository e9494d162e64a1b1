"""A trust policy: which logs are known, and how many of which witnesses have to cosign their checkpoints.

C2SP tlog-policy, a file of lines: `log <vkey> [url]`, `witness <name> <vkey> [url]`, `group <name> all|any|<k>
<member>...`, and exactly one `quorum <name>|none`. Names are octets, which we keep as text with the octets that are
not UTF-8 escaped. A name is used in one group at most and only after its own line, so that the quorum is a tree.

Policies judge cosignatures that have been verified: one that does not verify makes `SignedCheckpoint.verify` refuse the
whole checkpoint.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self, assert_never

from provenance.errors import MalformedNote, MalformedPolicy, UntrustedNote
from provenance.limits import MAX_POLICY_BYTES, MAX_POLICY_NAMES
from provenance.statement.encodings import parse_decimal
from provenance.transparency.checkpoint import Checkpoint, Cosigner, SignedCheckpoint
from provenance.transparency.note import COSIGNATURES, ED25519, ML_DSA_44, VerifierKey

_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_BLANKS = re.compile(r"[ \t]+")
_LOG_TYPES = frozenset({ED25519, ML_DSA_44})
_NONE = "none"


@dataclass(frozen=True)
class KnownLog:
    """A log that the policy accepts: its key, named as its origin, and its URL, if stated."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True)
class Witness:
    """A witness.

    Attributes:
        name: what groups and quorum call it; the name in its signature lines is the key's.
        key: cosignature/v1 or ML-DSA-44.
        url: its submission prefix, if stated.
    """

    name: str
    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True)
class Group:
    """Has witnessed a checkpoint when at least `threshold` of its `members` have."""

    name: str
    threshold: int
    members: tuple["Witness | Group", ...]


@dataclass(frozen=True)
class Policy:
    """A policy as its file states it.

    Attributes:
        logs: those that are accepted; empty where the log is known from elsewhere.
        witnesses: all that are defined, also those outside the quorum.
        quorum: who has to have cosigned; None requires no cosignature.
    """

    logs: tuple[KnownLog, ...]
    witnesses: tuple[Witness, ...]
    quorum: Witness | Group | None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a policy file.

        Raises:
            MalformedPolicy: it breaks a rule of the format; the message names the line.
        """
        if len(data) > MAX_POLICY_BYTES:
            raise MalformedPolicy(f"a policy of more than {MAX_POLICY_BYTES} bytes")
        if _CONTROL.search(data):
            raise MalformedPolicy("a policy holds no control character but tab and newline")
        if not data.endswith(b"\n"):
            raise MalformedPolicy("a policy's last line ends in a newline")
        draft = _Draft()
        for number, line in enumerate(data.decode(errors="surrogateescape").split("\n"), start=1):
            words = [word for word in _BLANKS.split(line) if word]
            if not words or words[0].startswith("#"):
                continue
            try:
                draft.read(words)
            except (MalformedPolicy, MalformedNote) as cause:
                raise MalformedPolicy(f"line {number}: {cause}") from cause
        if not draft.has_quorum:
            raise MalformedPolicy("a policy without a quorum line")
        return cls(tuple(draft.logs), tuple(draft.witnesses), draft.quorum)

    def keys_for(self, origin: str) -> list[VerifierKey]:
        """The keys to check a checkpoint of the log `origin` with: what `SignedCheckpoint.verify` takes.

        A witness whose key is named as the log is left out: its ML-DSA-44 cosignature would look like the log's own.
        """
        logs = [log.key for log in self.logs if log.key.name == origin]
        return [*logs, *(witness.key for witness in self.witnesses if witness.key.name != origin)]

    def open(self, data: bytes) -> tuple[Checkpoint, tuple[Cosigner, ...]]:
        """Read a checkpoint that the policy accepts: signed by one of its logs, cosigned by its quorum.

        Returns:
            the checkpoint, and which of the policy's witnesses cosigned it.

        Raises:
            MalformedNote: it does not parse.
            UntrustedNote: no listed log signed it, a known signature fails, or cosignatures are missing.
        """
        signed = SignedCheckpoint.parse(data)
        origin = signed.checkpoint.origin
        checkpoint, cosigners = signed.verify(self.keys_for(origin), origin)
        if not satisfied(self, cosigners):
            names = ", ".join(ascii(witness.name) for witness in missing(self, cosigners))
            raise UntrustedNote(f"too few witnesses cosigned the checkpoint; still without: {names}")
        return checkpoint, cosigners


def satisfied(policy: Policy, cosigners: Sequence[Cosigner]) -> bool:
    """Whether the witnesses that cosigned a checkpoint make up the quorum.

    Args:
        policy: says how many of which.
        cosigners: from `SignedCheckpoint.verify` with the policy's keys; others do not count.
    """
    return policy.quorum is None or _is_satisfied(policy.quorum, _keys(cosigners))


def is_cosigned(policy: Policy | None, cosigners: Sequence[Cosigner]) -> bool:
    """Whether a checkpoint counts as cosigned: a quorum is asked for, and is there. Arguments as for `satisfied`."""
    return policy is not None and policy.quorum is not None and satisfied(policy, cosigners)


def missing(policy: Policy, cosigners: Sequence[Cosigner]) -> tuple[Witness, ...]:
    """The witnesses any of which would bring an unsatisfied quorum nearer, in the order of the file's groups.

    Empty when the quorum is satisfied. A group that has enough of its members asks for no more.
    """
    return () if policy.quorum is None else tuple(_missing(policy.quorum, _keys(cosigners)))


def _keys(cosigners: Sequence[Cosigner]) -> frozenset[VerifierKey]:
    return frozenset(cosigner.key for cosigner in cosigners)


def _is_satisfied(member: Witness | Group, keys: frozenset[VerifierKey]) -> bool:
    match member:
        case Witness():
            return member.key in keys
        case Group():
            return sum(_is_satisfied(each, keys) for each in member.members) >= member.threshold
        case _:
            assert_never(member)


def _missing(member: Witness | Group, keys: frozenset[VerifierKey]) -> list[Witness]:
    if _is_satisfied(member, keys):
        return []
    match member:
        case Witness():
            return [member]
        case Group():
            return [witness for each in member.members for witness in _missing(each, keys)]
        case _:
            assert_never(member)


@dataclass
class _Draft:
    """What the lines so far have defined."""

    logs: list[KnownLog] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    names: dict[str, Witness | Group] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    groups: int = 0
    quorum: Witness | Group | None = None
    has_quorum: bool = False

    def read(self, words: list[str]) -> None:
        """Take in one line. Raises MalformedPolicy, MalformedNote."""
        match words:
            case ["log", vkey, *rest] if len(rest) <= 1:
                self._read_log(vkey, *rest)
            case ["witness", name, vkey, *rest] if len(rest) <= 1:
                self._read_witness(name, vkey, *rest)
            case ["group", name, threshold, *members]:
                self._read_group(name, threshold, members)
            case ["quorum", name]:
                self._read_quorum(name)
            case _:
                raise MalformedPolicy("not a log, witness, group or quorum line")

    def _read_log(self, vkey: str, url: str | None = None) -> None:
        key = VerifierKey.parse(vkey)
        if key.key_type not in _LOG_TYPES:
            raise MalformedPolicy("a log's key is of type Ed25519 or ML-DSA-44")
        if any(log.key.public == key.public for log in self.logs):
            raise MalformedPolicy("two logs with the same public key")
        self.logs.append(KnownLog(key, url))
        _check_count(self.logs)

    def _read_witness(self, name: str, vkey: str, url: str | None = None) -> None:
        key = VerifierKey.parse(vkey)
        if key.key_type not in COSIGNATURES:
            raise MalformedPolicy("a witness's key is of type cosignature/v1 or ML-DSA-44")
        if any(witness.key.public == key.public for witness in self.witnesses):
            raise MalformedPolicy("two witnesses with the same public key")
        witness = Witness(name, key, url)
        self._define(name, witness)
        self.witnesses.append(witness)
        _check_count(self.witnesses)

    def _read_group(self, name: str, threshold: str, members: list[str]) -> None:
        if not members:
            raise MalformedPolicy("a group without members")
        found = []
        for member in members:
            if member not in self.names:
                raise MalformedPolicy(f"{member!a} is not defined above")
            if member in self.members:
                raise MalformedPolicy(f"{member!a} is a member of a group already")
            self.members.add(member)
            found.append(self.names[member])
        match threshold:
            case "all":
                count = len(found)
            case "any":
                count = 1
            case _:
                count = parse_decimal(threshold, MalformedPolicy, maximum=len(found))
        if count < 1:
            raise MalformedPolicy("a group needs one of its members at least")
        self._define(name, Group(name, count, tuple(found)))
        self.groups += 1
        if self.groups > MAX_POLICY_NAMES:
            raise MalformedPolicy(f"more than {MAX_POLICY_NAMES} groups")

    def _read_quorum(self, name: str) -> None:
        if self.has_quorum:
            raise MalformedPolicy("a second quorum line")
        if name != _NONE and name not in self.names:
            raise MalformedPolicy(f"{name!a} is not defined above")
        self.has_quorum = True
        self.quorum = self.names.get(name)

    def _define(self, name: str, value: Witness | Group) -> None:
        if name == _NONE or name in self.names:
            raise MalformedPolicy(f"the name {name!a} is taken")
        self.names[name] = value


def _check_count(defined: Sequence[object]) -> None:
    if len(defined) > MAX_POLICY_NAMES:
        raise MalformedPolicy(f"more than {MAX_POLICY_NAMES} of a kind")


@dataclass(frozen=True)
class Witnessing:
    """Whether a checkpoint has the cosignatures that are required; `detail` is a sentence for people."""

    enough: bool
    detail: str


@dataclass(frozen=True)
class WitnessRequirement:
    """What a reader requires of a checkpoint's cosignatures: by which witnesses, and how recent.

    Attributes:
        policy: its quorum has to have cosigned; None for no quorum.
        named: keys of witnesses each of which has to have cosigned.
        max_age: largest age in seconds of the newest of these cosignatures; None for any age.
    """

    policy: Policy | None = None
    named: tuple[VerifierKey, ...] = ()
    max_age: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is required."""
        return (self.policy is None or self.policy.quorum is None) and not self.named and self.max_age is None

    def judge(self, cosigners: Sequence[Cosigner], *, now: float) -> Witnessing | None:
        """Whether verified cosignatures meet the requirement at a time (POSIX seconds); None if nothing is required."""
        if self.is_empty:
            return None
        lacking = [] if self.policy is None else [witness.name for witness in missing(self.policy, cosigners)]
        there = _keys(cosigners)
        lacking += [key.name for key in self.named if key not in there]
        if lacking:
            names = ", ".join(ascii(name)[1:-1] for name in dict.fromkeys(lacking))
            return Witnessing(False, f"too few of the witnesses that you name have cosigned; still without: {names}")
        asked = {*self.named, *(() if self.policy is None else _keys_of(self.policy.quorum))}
        times = [cosigner.time for cosigner in cosigners if cosigner.key in asked and cosigner.time > 0]
        if self.max_age is not None:
            if not times:
                return Witnessing(False, "no witness that you name says when it saw this tree: its age is not known")
            age = now - max(times)
            if age > self.max_age:
                allowed = f"more than the {self.max_age:,.0f} s that you allow"
                return Witnessing(False, f"the newest cosignature is {age:,.0f} s old, {allowed}")
        return Witnessing(True, f"cosigned as you ask: {', '.join(sorted({each.key.name for each in cosigners}))}")


def _keys_of(member: Witness | Group | None) -> list[VerifierKey]:
    match member:
        case Witness():
            return [member.key]
        case Group():
            return [key for each in member.members for key in _keys_of(each)]
        case None:
            return []
