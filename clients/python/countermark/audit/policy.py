"""The policy of an audit: which buckets fail, and whom the auditor trusts. A TOML file:

    fail = ["differs", "lead", "not_found", "credential_invalid", "withdrawn_or_disputed"]
    incomplete = ["not_compared", "could_not_check"]
    publishers = ["daily"]                  # whose records count; without it, everybody's
    trust_lists = ["C2PA"]                  # whose signers count
    log_keys = ["registry.example/log+…"]   # verifier keys of logs and witnesses
    tlog_policy = "witnesses.policy"        # C2SP tlog-policy: logs, witnesses, quorum; beside this file
    max_age = 86400                         # seconds since the newest cosignature

`fail` and `incomplete` may also name what else applies to an item, such as `superseded` or `origin_conflicting`.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from countermark.audit.buckets import MATCHES, Bucket, Counts, Outcome, could_not_check
from countermark.audit.state import CheckedRecord
from countermark.content import Content
from countermark.trust import Trust
from provenance.errors import Exit, InvalidRequest
from provenance.limits import MAX_POLICY_BYTES

FAIL = (Bucket.DIFFERS, Bucket.LEAD, Bucket.NOT_FOUND, Bucket.CREDENTIAL_INVALID, Bucket.WITHDRAWN_OR_DISPUTED)
INCOMPLETE = (Bucket.NOT_COMPARED, Bucket.COULD_NOT_CHECK)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    fail: list[str] = Field(default=[bucket.value for bucket in FAIL])
    incomplete: list[str] = Field(default=[bucket.value for bucket in INCOMPLETE])
    publishers: list[str] = []
    trust_lists: list[str] = []
    log_keys: list[str] = []
    tlog_policy: str | None = None
    max_age: float | None = Field(default=None, ge=0)


@dataclass(frozen=True)
class AuditPolicy:
    """What an audit asks for.

    Attributes:
        fail: buckets, or what else applies, that are findings (exit status 1).
        incomplete: those that leave the audit incomplete (exit status 3).
        counts: whose records and which trust lists count.
        log_keys: as in `countermark.verify_receipt`.
        tlog_policy: as `policy` there, its text.
        max_age: as there.
    """

    fail: tuple[str, ...] = tuple(bucket.value for bucket in FAIL)
    incomplete: tuple[str, ...] = tuple(bucket.value for bucket in INCOMPLETE)
    counts: Counts = field(default_factory=Counts)
    log_keys: tuple[str, ...] = ()
    tlog_policy: bytes | None = None
    max_age: float | None = None

    def __post_init__(self) -> None:
        Trust.of(self.log_keys, self.tlog_policy, self.max_age)

    @classmethod
    def of(cls, path: Path | str | None = None, log_keys: Sequence[str] = ()) -> "AuditPolicy":
        """The policy of a file, with more keys; without a file the default one.

        Raises:
            InvalidRequest, MalformedNote: it cannot be read, or has a malformed key.
        """
        if path is None:
            return cls(log_keys=tuple(log_keys))
        try:
            stated = _File.model_validate(tomllib.loads(Content.of(path).read(MAX_POLICY_BYTES).decode()))
        except (tomllib.TOMLDecodeError, UnicodeError) as error:
            raise InvalidRequest(f"the policy is not TOML: {error}") from error
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step) for step in fault["loc"])
            raise InvalidRequest(f"the policy is malformed: {where}: {fault['msg']}") from error
        beside = None if stated.tlog_policy is None else Path(path).parent / stated.tlog_policy
        return cls(
            fail=tuple(stated.fail),
            incomplete=tuple(stated.incomplete),
            counts=Counts(frozenset(stated.publishers), frozenset(stated.trust_lists)),
            log_keys=(*stated.log_keys, *log_keys),
            tlog_policy=None if beside is None else Content.of(beside).read(MAX_POLICY_BYTES),
            max_age=stated.max_age,
        )

    def to_json(self) -> dict[str, Any]:
        """As the summary states it."""
        return {
            "fail": list(self.fail),
            "incomplete": list(self.incomplete),
            "publishers": sorted(self.counts.publishers),
            "trust_lists": sorted(self.counts.trust_lists),
            "log_keys": list(self.log_keys),
            "tlog_policy": None if self.tlog_policy is None else self.tlog_policy.decode("utf-8", "backslashreplace"),
            "max_age": self.max_age,
        }

    @property
    def keys_digest(self) -> str:
        """Of what receipts are checked under: under other keys they are checked anew."""
        stated = self.to_json()
        keys = [stated[name] for name in ("log_keys", "tlog_policy", "max_age")]
        return hashlib.sha256(json.dumps(keys).encode()).hexdigest()

    def judge(self, outcome: Outcome, sha256: str | None, checked: CheckedRecord | None) -> Outcome:
        """The outcome of an item, with what the receipt of its record proves.

        A receipt that does not hold, or is of a record of other bytes, takes back what the service said.
        """
        if checked is None or checked.outcome == "missing":
            return outcome
        if checked.outcome == "fails":
            return could_not_check("proof", checked.detail)
        if outcome.bucket is Bucket.IDENTICAL and sha256 not in checked.facts["sha256"]:
            return could_not_check("proof", "the record that the service names is of another file")
        if checked.facts["standing"] != "current" and outcome.bucket in MATCHES:
            return Outcome(
                Bucket.WITHDRAWN_OR_DISPUTED,
                outcome.also,
                record=outcome.record,
                index=outcome.index,
                others=outcome.others,
            ).with_also(outcome.bucket.value, checked.facts["standing"])
        return outcome

    def exit_status(self, applying: Mapping[str, int], *, complete: bool) -> Exit:
        """Of an audit in which so many items are in each bucket, and have each other thing apply to them."""
        if not complete or any(applying.get(name) for name in self.incomplete):
            return Exit.INCOMPLETE
        return Exit.FINDINGS if any(applying.get(name) for name in self.fail) else Exit.SATISFIED
