"""Calls that verify and look up."""

import re
from collections.abc import Sequence
from dataclasses import asdict, replace

from countermark import models
from countermark.calls.call import (
    LOOKUPS,
    Call,
    Reply,
    check_pattern,
    get,
    get_file,
    identity_of,
    model,
    picture,
    post,
    sha256_of,
)
from countermark.content import Content, Form, Progress
from countermark.digests import Digests
from provenance.errors import InvalidRequest, UnexpectedAnswer
from provenance.limits import FINGERPRINT_UNITS, MAX_LOOKUPS, REPORT_UNITS

_VERIFICATION = re.compile(r"[0-9a-f]{32}")


def verify(
    file: Content, progress: Progress | None, full_detail: bool = False, keep: bool = False
) -> Call[models.Report]:
    return Call(
        "POST",
        "/v1/verifications",
        _report,
        query=({"detail": "full"} if full_detail else {}) | _keeping(keep),
        content=picture(file),
        progress=progress,
        headers={"Content-Type": "application/octet-stream"},
        policy="verifications",
    )


def compare(
    file: Content, reference: Content, progress: Progress | None, full_detail: bool = False
) -> Call[models.FileComparison]:
    form = Form({"file": picture(file), "reference": picture(reference)})
    return Call(
        "POST",
        "/v1/comparisons",
        model(models.FileComparison),
        query={"detail": "full"} if full_detail else {},
        content=form,
        progress=progress,
        headers={"Content-Type": form.media_type},
        policy="verifications",
        units=2,
    )


def verify_digests(sha256: str, pdq: tuple[str, int] | None, keep: bool = False) -> Call[models.Report]:
    body: dict[str, object] = {"sha256": sha256_of(sha256)}
    if pdq is not None:
        body["pdq"] = {"value": pdq[0], "quality": pdq[1]}
    call = post("/v1/verifications", body, _report)
    return replace(call, query=_keeping(keep), policy=LOOKUPS, units=REPORT_UNITS)


def _keeping(keep: bool) -> dict[str, str]:
    return {"keep": "true"} if keep else {}


def lookup(asked: Sequence[Digests | str]) -> Call[models.Lookups]:
    if not 1 <= len(asked) <= MAX_LOOKUPS:
        raise InvalidRequest(f"{len(asked):,} files at once: a lookup is of 1 to {MAX_LOOKUPS:,}")
    items = [each if isinstance(each, Digests) else Digests(each) for each in asked]
    read_lookups = model(models.Lookups)

    def read(reply: Reply) -> models.Lookups:
        found = read_lookups(reply)
        if [each.sha256 for each in found.items] != [each.sha256 for each in items]:
            raise UnexpectedAnswer("the answer to a lookup is about other files, or in another order")
        return found

    units = sum(1 + FINGERPRINT_UNITS * sum(code is not None for code in (each.pdq, each.phash)) for each in items)
    call = post("/v1/lookups", {"items": [_looked_up(each) for each in items]}, read)
    return replace(call, policy=LOOKUPS, units=units)


def _looked_up(digests: Digests) -> dict[str, object]:
    pdq = None if digests.pdq is None else {"value": digests.pdq[0], "quality": digests.pdq[1]}
    stated = asdict(digests) | {"sha256": sha256_of(digests.sha256), "pdq": pdq}
    return {name: value for name, value in stated.items() if value is not None}


def report(verification_id: str) -> Call[models.Report]:
    return get(verification_path(verification_id), _report)


def _report(reply: Reply) -> models.Report:
    report = model(models.Report)(reply)
    if report.kept_until is None:
        return report
    return replace(report, url=f"{reply.service.rstrip('/')}/verify?report={report.id}")


def difference(verification_id: str, record: str | None) -> Call[bytes]:
    of_record = "" if record is None else f"?record={identity_of(record)}"
    return get_file(f"{verification_path(verification_id)}/difference.png{of_record}", "image/png")


def record_verdict(verification_id: str) -> Call[models.RecordedVerdict]:
    return post(f"{verification_path(verification_id)}/record", {}, model(models.RecordedVerdict))


def verification_path(identity: str) -> str:
    return f"/v1/verifications/{check_pattern(_VERIFICATION, identity, 'a report id must be 32 lowercase hex digits')}"
