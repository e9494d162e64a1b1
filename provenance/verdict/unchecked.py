"""What was not looked at, and why: part of every verdict, because unknown is not absent."""

from collections.abc import Iterator

from provenance.credentials.report import CredentialState, explain_problem
from provenance.verdict import resemblance
from provenance.verdict.evidence import Evidence, Examination, Unchecked

ALWAYS = (
    Unchecked("invisible watermarks (SynthID, Digimarc, TrustMark, Meta)", "no open decoder exists"),
    Unchecked("statistical detection of machine-made pictures", "no method is turned on"),
)
"""What no verification here looks at."""


def collect(evidence: Evidence) -> tuple[Unchecked, ...]:
    """What the search left out, what could not be read in the file, and what is never looked at."""
    of_file = _of_file(evidence.examination) if evidence.examination is not None else ()
    return (*evidence.not_checked, *resemblance.not_checked(evidence), *_of_records(evidence), *of_file, *ALWAYS)


def _of_records(evidence: Evidence) -> Iterator[Unchecked]:
    for record in evidence.unproven:
        yield Unchecked(f"record {record.record_id.hex()[:16]}…, to which this picture leads", record.why)
    if any(match.receipt is not None and not match.receipt.log_key_pinned for match in evidence.matches):
        yield Unchecked("whose log this is", "no log key was pinned, so its name is the receipt's own word")


def _of_file(examination: Examination) -> Iterator[Unchecked]:
    frames, credential = examination.subject.frames, examination.credential
    if frames is not None and frames > 1:
        yield Unchecked(
            "the frames or pages after the first",
            "only the first is decoded and compared; digests of the bytes cover them all",
        )
    if credential.state is CredentialState.REMOTE_ONLY:
        yield Unchecked("a credential kept elsewhere", "addresses inside a file are never fetched")
    if credential.state is CredentialState.UNREADABLE:
        why = " ".join(explain_problem(code) for code in credential.problems)
        yield Unchecked("the file's content credential", why or "it could not be read")
    if credential.identity_unchecked:
        yield Unchecked("the credential's identity assertion (CAWG)", "it is not supported here")
    if credential.padding_nonzero:
        yield Unchecked("what the credential's padding holds", "no signature covers it, and it is not empty")
    if credential.unlisted:
        yield Unchecked(
            f"{credential.unlisted:,} more of the credential's actions, source types and ingredients",
            "all were judged; the report has room for 256 of each kind",
        )
    for note in examination.declared.notes:
        yield Unchecked("a part of the metadata", note)
