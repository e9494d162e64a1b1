"""The verification report: a verdict as the JSON that the API answers with, and that is kept."""

from collections.abc import Set
from dataclasses import asdict
from datetime import datetime
from typing import Any

from provenance.credentials.report import CredentialReport
from provenance.media.calibration import ErrorRate
from provenance.media.comparison import Box, Comparison
from provenance.verdict import registration
from provenance.verdict.axes import Axis
from provenance.verdict.evidence import Match
from provenance.verdict.finding import Finding
from provenance.verdict.verdict import Verdict
from registry.reading import catalogue, resembling
from registry.reading.views import StandingView
from registry.registry import Registry

Json = dict[str, Any]

REPORTED_AXES = (Axis.REGISTRATION, Axis.CREDENTIAL, Axis.DECLARED_ORIGIN, Axis.PROOF, Axis.ASSESSMENT)


def report_json(
    registry: Registry, verdict: Verdict, verification_id: str, created_at: datetime, drawn: Set[bytes]
) -> Json:
    """The report of a verdict. `drawn`: the records with whose matches an overlay of the differences is kept."""
    evidence = verdict.evidence
    path = f"/v1/verifications/{verification_id}"
    examination = evidence.examination
    return {
        "id": verification_id,
        "created_at": _time(created_at),
        "input": {
            "sha256": evidence.subject.sha256.hex(),
            "size": evidence.subject.size,
            "media_type": evidence.subject.media_type,
            "width": evidence.subject.width,
            "height": evidence.subject.height,
            "frames": evidence.subject.frames,
        },
        "headline": {"code": verdict.headline.value, "text": verdict.headline_text},
        "axes": {
            axis.value: {"value": str(verdict.axes[axis].value), "summary": verdict.axes[axis].summary}
            for axis in REPORTED_AXES
        },
        "matches": [
            _match(
                registry,
                match,
                f"{path}/difference.png?record={match.record_id.hex()}" if match.record_id in drawn else None,
            )
            for match in verdict.matches
        ],
        "resembles": None if evidence.resembling is None else _jsonable(asdict(resembling.view(evidence.resembling))),
        "credential": _credential(examination.credential) if examination else None,
        "marks": [asdict(mark) for mark in examination.declared.marks] if examination else [],
        "findings": [_finding(finding) for finding in verdict.findings],
        "not_checked": [{"what": item.what, "why": item.why} for item in verdict.not_checked],
        "searched": {
            "registrations": evidence.searched.registrations,
            "fingerprints": list(evidence.searched.fingerprints),
        }
        if evidence.searched
        else None,
        "links": {"self": path},
    }


def _match(registry: Registry, match: Match, difference: str | None) -> Json:
    # One record has one standing in one report: that of all which this picture leads to, told here once.
    standing = StandingView(match.standing.value, match.standing_detail)
    return {
        "asset": _jsonable(asdict(catalogue.asset(registry, match.record_id, standing=standing))),
        "value": registration.value_of(match).value,
        "basis": match.basis.value,
        "signed_copy": match.signed_copy,
        "standing": asdict(standing),
        "sources": [
            {"id": each.record_id.hex(), "index": each.index, "code": each.code.value, "detail": each.detail}
            for each in match.sources
        ],
        "proof": _proof(match),
        "comparison": comparison_json(match.comparison) | {"inverted": match.inverted} if match.comparison else None,
        "difference_url": difference,
    }


def _proof(match: Match) -> Json:
    receipt = match.receipt
    return {
        "value": match.proof.value,
        "index": match.index,
        "tree_size": receipt.checkpoint.size if receipt is not None else None,
        "checkpoint": receipt.checkpoint.text() if receipt is not None else None,
        "steps": [asdict(step) for step in receipt.steps] if receipt is not None else [],
        "chain": [
            asdict(link) | {"child": link.child.hex(), "parent": link.parent.hex()}
            for link in (receipt.chain.links if receipt is not None and receipt.chain is not None else ())
        ],
    }


def comparison_json(comparison: Comparison) -> Json:
    """A comparison as a report has it."""
    transform = comparison.transform
    return {
        "transform": {
            "mirrored": transform.mirrored,
            "rotation_degrees": round(transform.rotation_degrees, 2),
            "scale": round(transform.scale, 4),
            "crop": _box(transform.crop),
            "homography": [round(value, 6) for value in transform.homography],
        }
        if transform
        else None,
        "regions": [
            {
                "kind": region.kind,
                "query": _box(region.query),
                "reference": _box(region.reference) if region.reference else None,
                "area": round(region.area, 5),
                "strength": round(region.strength, 3),
                "seen_with": list(region.seen_with),
            }
            for region in comparison.regions
        ],
        "colour_changed": comparison.colour_changed,
        "similarity": round(comparison.similarity, 4),
        "agreement": round(comparison.agreement, 4),
        "inliers": comparison.inliers,
        "method": comparison.method,
        "reference": comparison.reference,
        "smallest_area": comparison.smallest,
    }


def _box(box: Box) -> Json:
    return {side: round(getattr(box, side), 5) for side in ("left", "top", "right", "bottom")}


def _credential(report: CredentialReport) -> Json:
    return {
        "state": report.state.value,
        "manifest_id": report.manifest_id,
        "signer": report.signer,
        "certificate": _jsonable(asdict(report.certificate)) if report.certificate else None,
        "trust_list": report.trust_list,
        "validity": report.validity.value if report.validity else None,
        "signed_at": _time(report.signed_at) if report.signed_at else None,
        "time_stamps": [_jsonable(asdict(stamp)) for stamp in report.time_stamps],
        "title": report.title,
        "generator": report.generator,
        "digital_source_types": list(report.digital_source_types),
        "later_source_types": list(report.later_source_types),
        "ai_models": list(report.ai_models),
        "ingredients": [
            {
                "title": item.title,
                "relationship": item.relationship,
                "state": item.state.value,
                "signer": item.signer,
                "remote_url": item.remote_url,
                "problems": list(item.problems),
            }
            for item in report.ingredients
        ],
        "unlisted": report.unlisted,
        "redactions": list(report.redactions),
        "remote_url": report.remote_url,
        "problems": list(report.problems),
    }


def _finding(finding: Finding) -> Json:
    return {
        "axis": finding.axis.value,
        "code": str(finding.code),
        "summary": finding.summary,
        "basis": finding.basis.value,
        "could_be_forged_by": finding.could_be_forged_by,
        "does_not_show": finding.does_not_show,
        "method": finding.method,
        "error_rates": [_error_rate(rate) for rate in finding.error_rates],
    }


def _error_rate(rate: ErrorRate) -> Json:
    return {**asdict(rate), "interval": list(rate.interval)}


def _jsonable(value: Any) -> Any:
    match value:
        case datetime():
            return _time(value)
        case dict():
            return {key: _jsonable(item) for key, item in value.items()}
        case list() | tuple():
            return [_jsonable(item) for item in value]
        case _:
            return value


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
