"""The verification report: a verdict as an answer, stored as JSON."""

import json
from collections.abc import Callable, Set
from dataclasses import replace
from datetime import datetime
from typing import cast

from provenance import answers
from provenance.answers.report import Homography
from provenance.credentials.report import CredentialReport
from provenance.media.comparison import Box, Comparison
from provenance.message import translations
from provenance.verification.axes import Axis, Finding
from provenance.verification.evidence import Match, Subject
from provenance.verification.findings import registration
from provenance.verification.verdict import AxisValue, Verdict
from registry.usecases import resemblances as resembling

REPORTED_AXES = (Axis.REGISTRATION, Axis.CREDENTIAL, Axis.DECLARED_ORIGIN, Axis.PROOF, Axis.ASSESSMENT)


def report_of(
    verdict: Verdict,
    view: Callable[[bytes, answers.Standing], answers.Asset],
    verification_id: str,
    created_at: datetime,
    kept_until: datetime | None,
    drawn: Set[bytes],
) -> answers.Report:
    """The report of a verdict.

    Args:
        view: a matched registration as an answer.
        drawn: the matched records with a stored overlay of the differences.

    Raises:
        NotFound, Sealed, Erased: a matched registration is no longer public.
    """
    evidence = verdict.evidence
    subject, examination, searched = evidence.subject, evidence.examination, evidence.searched
    path = _path(verification_id)
    report = answers.Report(
        id=verification_id,
        created_at=created_at,
        kept_until=kept_until,
        input=answers.Input(
            sha256=subject.sha256.hex(),
            size=subject.size,
            media_type=subject.media_type,
            width=subject.width,
            height=subject.height,
            frames=subject.frames,
        ),
        headline=answers.Headline(
            code=verdict.headline.value,
            text=verdict.headline_text,
            wordings=verdict.wordings,
        ),
        axes=answers.Axes(**{axis.value: _axis(verdict.axes[axis]) for axis in REPORTED_AXES}),
        matches=tuple(
            _match(
                match,
                view,
                f"{path}/difference.png?record={match.record_id.hex()}" if match.record_id in drawn else None,
            )
            for match in verdict.matches
        ),
        resembles=None if evidence.resembling is None else resembling.view(evidence.resembling),
        older_registration=None if verdict.older is None else verdict.older.record_id.hex(),
        credential=credential_of(examination.credential) if examination else None,
        marks=tuple(answers.Mark(**vars(mark)) for mark in examination.declared.marks) if examination else (),
        findings=tuple(_finding(finding) for finding in verdict.findings),
        not_checked=tuple(answers.Unchecked(**vars(item)) for item in verdict.not_checked),
        searched=None if searched is None else answers.Searched(**vars(searched)),
        links=answers.ReportLinks(self=path),
    )
    wordings = tuple(replace(each, sentences=translations(report, each.language)) for each in report.headline.wordings)
    return replace(report, headline=replace(report.headline, wordings=wordings))


def renamed(report: answers.Report, subject: Subject, verification_id: str, created_at: datetime) -> answers.Report:
    """A report that is not kept, on another file of which as little is known."""
    return replace(
        report,
        id=verification_id,
        created_at=created_at,
        input=replace(report.input, sha256=subject.sha256.hex()),
        links=answers.ReportLinks(self=_path(verification_id)),
    )


def _path(verification_id: str) -> str:
    return f"/v1/verifications/{verification_id}"


def report_json(report: answers.Report) -> bytes:
    """A report as JSON: members in the order of the fields, times in milliseconds."""
    return json.dumps(report, default=_member, ensure_ascii=False, separators=(",", ":")).encode()


def comparison_json(comparison: Comparison) -> str:
    """A comparison as the view of resemblances keeps it."""
    return json.dumps(_compared(comparison_of(comparison, inverted=False)), default=_member, separators=(",", ":"))


def comparison_of(comparison: Comparison, *, inverted: bool) -> answers.Comparison:
    """A comparison as a report has it. `inverted`: it was made with the picture's colours inverted."""
    transform = comparison.transform
    return answers.Comparison(
        transform=None
        if transform is None
        else answers.Transform(
            mirrored=transform.mirrored,
            rotation_degrees=round(transform.rotation_degrees, 2),
            scale=round(transform.scale, 4),
            crop=_box(transform.crop),
            homography=cast(Homography, tuple(round(value, 6) for value in transform.homography)),
        ),
        regions=tuple(
            answers.Region(
                kind=region.kind,
                query=_box(region.query),
                reference=None if region.reference is None else _box(region.reference),
                area=round(region.area, 5),
                strength=round(region.strength, 3),
                seen_with=region.seen_with,
            )
            for region in comparison.regions
        ),
        colour_changed=comparison.colour_changed,
        similarity=round(comparison.similarity, 4),
        agreement=round(comparison.agreement, 4),
        inverted=inverted,
        inliers=comparison.inliers,
        method=comparison.method,
        reference=comparison.reference,
        smallest_area=comparison.smallest,
    )


def _axis(found: AxisValue) -> answers.AxisValue:
    return answers.AxisValue(value=str(found.value), summary=found.summary)


def _match(
    match: Match, view: Callable[[bytes, answers.Standing], answers.Asset], difference: str | None
) -> answers.Match:
    # One record has one standing in one report: that of all which this picture leads to, told here once.
    standing = answers.Standing(value=match.standing.value, detail=match.standing_detail)
    return answers.Match(
        asset=view(match.record_id, standing),
        value=registration.value_of(match).value,
        basis=match.basis.value,
        signed_copy=match.signed_copy,
        standing=standing,
        sources=tuple(
            answers.Source(id=each.record_id.hex(), index=each.index, code=each.code.value, detail=each.detail)
            for each in match.sources
        ),
        proof=_proof(match),
        comparison=None if match.comparison is None else comparison_of(match.comparison, inverted=match.inverted),
        difference_url=difference,
    )


def _proof(match: Match) -> answers.MatchProof:
    receipt = match.receipt
    chain = None if receipt is None else receipt.chain
    return answers.MatchProof(
        value=match.proof.value,
        index=match.index,
        tree_size=None if receipt is None else receipt.checkpoint.size,
        checkpoint=None if receipt is None else receipt.checkpoint.text(),
        steps=() if receipt is None else tuple(answers.Step(**vars(step)) for step in receipt.steps),
        chain=()
        if chain is None
        else tuple(
            answers.ChainLink(
                child=link.child.hex(),
                parent=link.parent.hex(),
                relation=link.relation,
                state=link.state,
                index=link.index,
                detail=link.detail,
            )
            for link in chain.links
        ),
    )


def _box(box: Box) -> answers.Box:
    return answers.Box(**{side: round(value, 5) for side, value in vars(box).items()})


def credential_of(report: CredentialReport) -> answers.ReadCredential:
    """What was read of a credential, as a report has it."""
    return answers.ReadCredential(
        state=report.state.value,
        manifest_id=report.manifest_id,
        signer=report.signer,
        certificate=answers.Certificate(**vars(report.certificate)) if report.certificate else None,
        trust_list=report.trust_list,
        validity=report.validity.value if report.validity else None,
        signed_at=report.signed_at,
        time_stamps=tuple(answers.TimeStamp(**vars(stamp)) for stamp in report.time_stamps),
        title=report.title,
        generator=report.generator,
        digital_source_types=report.digital_source_types,
        later_source_types=report.later_source_types,
        ai_models=report.ai_models,
        ingredients=tuple(
            answers.Ingredient(
                title=item.title,
                relationship=item.relationship,
                state=item.state.value,
                signer=item.signer,
                remote_url=item.remote_url,
                problems=item.problems,
                manifest_id=item.manifest_id,
                within=item.within,
            )
            for item in report.ingredients
        ),
        unlisted=report.unlisted,
        redactions=report.redactions,
        remote_url=report.remote_url,
        problems=report.problems,
    )


def _finding(finding: Finding) -> answers.Finding:
    return answers.Finding(
        axis=finding.axis.value,
        code=str(finding.code),
        summary=finding.summary,
        basis=finding.basis.value,
        could_be_forged_by=finding.could_be_forged_by,
        does_not_show=finding.does_not_show,
        method=finding.method,
        error_rates=tuple(answers.ErrorRate(**vars(rate)) for rate in finding.error_rates),
    )


def _member(value: object) -> object:
    """What JSON has no value for: a time in milliseconds, an answer in the order of its fields."""
    match value:
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case answers.Comparison():
            return _compared(value) | {"inverted": value.inverted}
        case answers.Answer():
            return vars(value)
        case _:
            raise TypeError(f"{type(value).__qualname__} is no member of an answer")


def _compared(comparison: answers.Comparison) -> dict[str, object]:
    """Without `inverted`, which came later and stands at the end."""
    return {name: member for name, member in vars(comparison).items() if name != "inverted"}
