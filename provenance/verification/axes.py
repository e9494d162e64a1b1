"""The five axes of a verdict and the standing of a record: what can be said, and nothing else.

Unknown is not absent, and absent is not negative: `NOT_CHECKED` and `NO_MATCH_FOUND` are never merged.

A finding: one thing that was established, with what it rests on and what it does not show.
"""

from dataclasses import dataclass
from enum import StrEnum

from provenance.media.calibration import ErrorRate


class Axis(StrEnum):
    """What a finding is about."""

    REGISTRATION = "registration"
    CREDENTIAL = "credential"
    DECLARED_ORIGIN = "declared_origin"
    PROOF = "proof"
    ASSESSMENT = "assessment"
    STANDING = "standing"


class Registration(StrEnum):
    """Whether the picture leads back to a logged registration, and how closely."""

    EXACT_MATCH = "EXACT_MATCH"
    MATCH_NO_DIFFERENCE_FOUND = "MATCH_NO_DIFFERENCE_FOUND"
    MATCH_WITH_DIFFERENCES = "MATCH_WITH_DIFFERENCES"
    MATCH_INSIDE_LARGER = "MATCH_INSIDE_LARGER"
    POSSIBLE_MATCH = "POSSIBLE_MATCH"
    SHARES_LAYOUT = "SHARES_LAYOUT"
    NO_MATCH_FOUND = "NO_MATCH_FOUND"
    NOT_CHECKED = "NOT_CHECKED"


class DeclaredOrigin(StrEnum):
    """What the file states about how it was made, and who stands behind the statement."""

    SIGNED_AI_GENERATED = "SIGNED_AI_GENERATED"
    SIGNED_AI_EDITED = "SIGNED_AI_EDITED"
    SIGNED_CAPTURE = "SIGNED_CAPTURE"
    UNSIGNED_AI_MARK = "UNSIGNED_AI_MARK"
    CONFLICTING = "CONFLICTING"
    NONE_FOUND = "NONE_FOUND"
    NOT_CHECKED = "NOT_CHECKED"


class Proof(StrEnum):
    """How far the matched record can be checked without trusting its registry."""

    PUBLISHED_AND_COSIGNED = "PUBLISHED_AND_COSIGNED"
    PUBLISHED = "PUBLISHED"
    SEQUENCED = "SEQUENCED"
    BROKEN = "BROKEN"
    NO_RECORD = "NO_RECORD"


class Assessment(StrEnum):
    """Statistical detection of machine-made pictures: off unless an operator turns a method on."""

    NOT_ASSESSED = "NOT_ASSESSED"


class Standing(StrEnum):
    """What has become of the matched record since it was logged."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    DISPUTED = "disputed"
    CONFLICTING_CLAIMS = "conflicting claims"
    KEY_REVOKED_BEFORE = "key revoked before logging"
    KEY_REVOKED_AFTER = "key revoked after logging"


class SourceCode(StrEnum):
    """What became of a registration that the matched one was made from, directly or through others."""

    ORIGIN_WITHDRAWN = "ORIGIN_WITHDRAWN"
    ORIGIN_REVOKED = "ORIGIN_REVOKED"
    ORIGIN_DISPUTED = "ORIGIN_DISPUTED"


class Basis(StrEnum):
    """What kind of reasoning a finding rests on."""

    CRYPTOGRAPHIC = "cryptographic"
    DETERMINISTIC_UNSIGNED = "deterministic-unsigned"
    MEASURED = "measured"
    HEURISTIC = "heuristic"


@dataclass(frozen=True)
class Finding:
    """One statement of a verdict.

    `error_rates` holds measured rates (empty where nothing statistical is involved, several where they
    depend on the size of a difference); `does_not_show` is part of the statement, never optional.
    """

    axis: Axis
    code: str
    summary: str
    basis: Basis
    could_be_forged_by: str
    does_not_show: str
    method: str
    error_rates: tuple[ErrorRate, ...] = ()
