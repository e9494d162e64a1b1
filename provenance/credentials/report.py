"""The result of reading the credentials of a file.

States: C2PA 2.2, section 14.3 (validation states); codes: section 15.2 (standard status codes).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from provenance.credentials.claim import SoftBinding
from provenance.credentials.claim_time_stamp import TimeStamp
from provenance.message import Message


class CredentialState(StrEnum):
    """How far the credentials of a file, or of one ingredient, hold.

    TRUSTED: everything verifies, and the signer is on a trust list for signers.
    VALID_UNTRUSTED: everything verifies, and the signer is on no such list.
    WELL_FORMED_ONLY: signature and content hold, and the certificate had expired or was not yet valid, with
        no trusted time stamp to show that the claim was signed in time.
    INVALID: something does not verify: disregard what the credentials say.
    ABSENT: the file has no credentials.
    REMOTE_ONLY: the file names an address for its credentials. Nothing was fetched.
    UNREADABLE: the file or its credentials could not be read: unknown, not absent.
    """

    TRUSTED = "TRUSTED"
    VALID_UNTRUSTED = "VALID_UNTRUSTED"
    WELL_FORMED_ONLY = "WELL_FORMED_ONLY"
    INVALID = "INVALID"
    ABSENT = "ABSENT"
    REMOTE_ONLY = "REMOTE_ONLY"
    UNREADABLE = "UNREADABLE"

    @property
    def validated(self) -> bool:
        """Signature, assertions and content verify: what the credentials state is the signer's statement."""
        return self in (CredentialState.TRUSTED, CredentialState.VALID_UNTRUSTED)


class Validity(StrEnum):
    """Whether the certificate of a signer was in force when it counted: its list and its time are facts of their own.

    IN_FORCE: it is now.
    IN_FORCE_WHEN_STAMPED: it was at a time that a list for time stamps vouches for.
    NOT_IN_FORCE: it had ended or not begun, and no time is vouched for at which it was in force.
    """

    IN_FORCE = "IN_FORCE"
    IN_FORCE_WHEN_STAMPED = "IN_FORCE_WHEN_STAMPED"
    NOT_IN_FORCE = "NOT_IN_FORCE"


@dataclass(frozen=True)
class CertificateFacts:
    """What stands on a signer's certificate, checked by nobody: names are a stranger's, shortened, printable.

    Attributes:
        common_name, organisation: of its subject.
        valid_from, valid_until: when it is in force.
    """

    common_name: str | None
    organisation: str | None
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True)
class IngredientReport:
    """A file that went into this one, as far as its manifest is kept inside.

    Whether the ingredient's *content* matched its manifest was checked by the signer that added it, who had
    the file; its signature and assertions are checked again here.

    Attributes:
        title: as the signer named it, or the label of its assertion.
        state: ABSENT when the ingredient had no credentials.
        problems: codes, see `explain_problem`.
        relationship: "parentOf", "componentOf" or "inputTo".
        role: the loosest relationship on the way to it: only what is a parent of a parent is the picture itself at an
            earlier stage.
        depth: 1 for an ingredient of the file itself, 2 for an ingredient of such an ingredient, …
        manifest_id: URN of its manifest.
        remote_url: where a REMOTE_ONLY one says its credentials are.
        signer: name on its certificate.
        digital_source_types, later_source_types, ai_models: as of a `CredentialReport`.
        assigned_source_type: IRI that the signer who added it states of it; None unless `assigned_by.validated`.
        assigned_by: state of the manifest that it is an ingredient of.
        within: URN of that manifest.
        thumbnail: a picture of it, as the store holds it: a stranger's bytes. None unless asked for.
    """

    title: str
    state: CredentialState
    problems: tuple[str, ...] = ()
    relationship: str | None = None
    role: str | None = None
    depth: int = 1
    manifest_id: str | None = None
    remote_url: str | None = None
    signer: str | None = None
    digital_source_types: tuple[str, ...] = ()
    later_source_types: tuple[str, ...] = ()
    ai_models: tuple[str, ...] = ()
    assigned_source_type: str | None = None
    assigned_by: CredentialState = CredentialState.ABSENT
    within: str | None = None
    thumbnail: bytes | None = None


@dataclass(frozen=True)
class CredentialReport:
    """What was found out about the credentials of one file. Texts are a stranger's, shortened, printable.

    Attributes:
        state: of the active manifest. Ingredients are judged one by one.
        manifest_id: URN of the active manifest.
        claim_sha256: 32 bytes, as `ManifestFacts.claim_sha256`; None when stored compressed.
        signer: common name and organisation on the certificate; believe it only when `state.validated`.
        certificate: what stands on the signer's certificate; None where it cannot be read.
        trust_list: name and version of the list the signer is on, in force or not.
        validity: whether the certificate was in force; None where it cannot be read, or no signature fits.
        time_stamps: all that stand beside the signature, trusted or not.
        signed_at: the earliest of them that a list for time stamps vouches for.
        title, generator: what the claim says about itself.
        digital_source_types: IRIs that the active manifest states of how the picture came about (its action
            c2pa.created or c2pa.opened, or the first), in order, without repeats.
        later_source_types: IRIs that only its other actions state: what they brought into the picture.
        ai_models: what its AI disclosures (c2pa.ai-disclosure) name, "" where one names nothing.
        actions: names of its actions, in order.
        soft_bindings: fingerprints and watermarks it names.
        registry_url: address in our own assertion, when there is one.
        ingredients: nearest first.
        unlisted: how many actions, source types and ingredients were judged and are not listed here, which has room
            for `MAX_CREDENTIAL_ITEMS` of each kind: what says that a machine had a part, or does not hold, comes first.
        problems: codes, see `explain_problem`.
        remote_url: where a REMOTE_ONLY file says its credentials are.
        redactions: addresses of the statements that signers took out of the credentials of what they worked from.
        padding_nonzero: padding that no signature covers holds something. None: could not be seen.
        identity_unchecked: there is a CAWG identity assertion, and it was not looked at.

    What the manifest states (`title`, `generator`, source types, `ai_models`, `actions`, `soft_bindings` and
    `registry_url`) is empty unless `state.validated`.
    """

    state: CredentialState
    manifest_id: str | None = None
    claim_sha256: bytes | None = None
    signer: str | None = None
    certificate: CertificateFacts | None = None
    trust_list: str | None = None
    validity: Validity | None = None
    time_stamps: tuple[TimeStamp, ...] = ()
    signed_at: datetime | None = None
    title: str | None = None
    generator: str | None = None
    digital_source_types: tuple[str, ...] = ()
    later_source_types: tuple[str, ...] = ()
    ai_models: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    soft_bindings: tuple[SoftBinding, ...] = ()
    registry_url: str | None = None
    ingredients: tuple[IngredientReport, ...] = ()
    unlisted: int = 0
    problems: tuple[str, ...] = ()
    remote_url: str | None = None
    redactions: tuple[str, ...] = ()
    padding_nonzero: bool | None = None
    identity_unchecked: bool = False


UNREADABLE_FILE = "org.countermark.unreadable"
UNSUPPORTED_FORMAT = "org.countermark.unsupportedFormat"
TOO_LARGE = "org.countermark.tooLarge"
EMPTY_SIDECAR = "org.countermark.emptySidecar"
UNKNOWN_PROBLEM = "org.countermark.unknownProblem"

EXCLUSION_ELSEWHERE = "org.countermark.exclusionElsewhere"
OTHER_FILE = "org.countermark.sidecarOfAnotherFile"
CONTENT_PROBLEMS = frozenset(
    {
        "assertion.bmffHash.mismatch",
        "assertion.boxesHash.mismatch",
        "assertion.dataHash.mismatch",
        EXCLUSION_ELSEWHERE,
        OTHER_FILE,
    }
)
"""What says that the file is not the one that was signed, and nothing against the credential itself."""

_FILE_CHANGED = Message(
    "The file is not as it was signed: the picture was changed, or only what stands "
    "beside it in the file (a caption that was written into it is enough), or the "
    "credential was made for another file."
)

PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        "algorithm.unsupported": Message("It was signed or hashed with an algorithm that is not supported."),
        "assertion.action.malformed": Message("Its list of actions breaks the rules of C2PA."),
        "assertion.bmffHash.mismatch": _FILE_CHANGED,
        "assertion.boxesHash.mismatch": _FILE_CHANGED,
        "assertion.collectionHash.mismatch": Message("A file of the signed collection was changed."),
        "assertion.dataHash.malformed": Message("What binds the credentials to the content cannot be read."),
        "assertion.dataHash.mismatch": _FILE_CHANGED,
        "assertion.hashedURI.mismatch": Message("A statement in the credentials was changed after it was signed."),
        "assertion.inaccessible": Message("A statement that the claim refers to could not be reached."),
        "assertion.missing": Message("A statement that the claim refers to is missing."),
        "assertion.notRedacted": Message("A statement that was to be removed is still there."),
        "assertion.undeclared": Message("The credentials hold a statement that the claim does not list."),
        "claim.hardBindings.missing": Message("Nothing binds the credentials to the content."),
        "claim.malformed": Message("The claim cannot be read."),
        "claim.missing": Message("The claim is missing."),
        "claim.multiple": Message("There is more than one claim."),
        "claimSignature.mismatch": Message("The signature does not match the claim."),
        "claimSignature.missing": Message("The signature is missing."),
        "claimSignature.outsideValidity": Message("The certificate was not valid when the claim was signed."),
        "general.error": Message("The credentials could not be checked to the end."),
        "ingredient.claimSignature.mismatch": Message("The signature of an ingredient does not match."),
        "ingredient.manifest.mismatch": Message("The credentials of an ingredient were changed."),
        "ingredient.manifest.missing": Message("The credentials of an ingredient are missing."),
        "ingredient.unknownProvenance": Message("Nothing is known about where an ingredient comes from."),
        "manifest.inaccessible": Message("The credentials are kept elsewhere, and nothing was fetched."),
        "manifest.multipleParents": Message("It claims more than one parent."),
        "signingCredential.expired": Message(
            "The certificate is not in force, and no trusted time stamp shows that it was."
        ),
        "signingCredential.invalid": Message("The certificate does not follow the rules for signing claims."),
        "signingCredential.ocsp.revoked": Message("The certificate was revoked."),
        "signingCredential.untrusted": Message("The signer is on none of the trust lists."),
        "timeStamp.malformed": Message("The time stamp cannot be read."),
        "timeStamp.mismatch": Message("The time stamp belongs to something else."),
        "timeStamp.outsideValidity": Message("The certificate of the time-stamp authority was not valid at that time."),
        "timeStamp.untrusted": Message("The time-stamp authority is on none of the lists for time stamps."),
        EXCLUSION_ELSEWHERE: Message(
            "What the credential covers of the file is as it was signed, but the part that it "
            "leaves out is not the one that it stands in: some of the file is covered by nothing."
        ),
        OTHER_FILE: Message(
            "The manifest that came beside the file does not fit it: it was made for another "
            "file, or this one was changed since, if only by a caption."
        ),
        UNREADABLE_FILE: Message("The file or its credentials are damaged and could not be read."),
        UNSUPPORTED_FORMAT: Message("Credentials of this file format cannot be read."),
        TOO_LARGE: Message("The credentials are larger than is looked at."),
        EMPTY_SIDECAR: Message("The manifest that was given beside the file is empty."),
        UNKNOWN_PROBLEM: Message("The credentials record a problem that has no standard code."),
    }
)
"""One line for each common code of C2PA, and for our own codes."""


def explain_problem(code: str) -> str:
    """One plain line for a code; codes that are not in `PROBLEMS` are named as they are."""
    return PROBLEMS.get(code, Message("C2PA reports {code}.", code=code))
