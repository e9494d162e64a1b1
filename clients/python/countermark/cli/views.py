"""Views: registrations, reports and receipts for people. All untrusted text goes through `plain`."""

import os
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from countermark.cli.exits import MEDIA_STEP, ORIGINS_STEP
from countermark.cli.output import plain
from provenance.quotation import quote
from provenance.sentences import CATALOGUES, SENTENCES, Sentences

if TYPE_CHECKING:
    from countermark.log.auditing import AuditReport
    from countermark.log.watching import Alarm
    from countermark.models import FileComparison, Match, Region, RegisteredAsset, Report, Resembles
    from provenance.answers import Wording
    from provenance.receipts.other_formats import ProofReport
    from provenance.receipts.report import ReceiptReport, Step
    from provenance.transparency.audit import AuditFinding
    from provenance.transparency.policy import Witnessing


def registration_view(name: str, asset: "RegisteredAsset", saved: Iterable[Path]) -> RenderableType:
    """A registration, and the files that were saved."""
    facts = [
        ("record", asset.id),
        ("index", f"{asset.index}, logged {asset.logged_at:%Y-%m-%d %H:%M:%S} UTC, {asset.state}"),
        ("publisher", asset.publisher.name),
        *_resembling(asset.resembles),
        *(("saved", str(path)) for path in saved),
    ]
    return Group(_heading(name, "registered" if asset.created else "was already registered"), _facts(facts))


MAX_BRIEF_LINES = 12
"""Lines of a verification report in a terminal of 80 columns, unless all of it is asked for."""


def brief_report_view(name: str, report: "Report") -> RenderableType:
    """A verification report in a line less than `MAX_BRIEF_LINES` of 80 columns: its address has the last."""
    axes = [(axis.removeprefix("declared_"), value.value) for axis, value in report.axes.items()]
    match = report.matches[0] if report.matches else None
    record = [] if match is None else [("record", match.asset.id)]
    standing = [] if match is None or match.standing.value == "current" else [("standing", match.standing.value)]
    more = [f"kept until {report.kept_until:%Y-%m-%d %H:%M} UTC"] if report.kept_until is not None else []
    more += [f"{len(report.matches)} matches"] if len(report.matches) > 1 else []
    more += [f"{len(report.not_checked)} not checked"] if report.not_checked else []
    below = [*axes, *record, *standing]
    said = textwrap.wrap(
        plain(" ".join(_told_first(report))), 80, max_lines=MAX_BRIEF_LINES - len(below) - 3, placeholder=" …"
    )
    return Group(
        Text(plain(name), style="bold", overflow="ellipsis", no_wrap=True),
        *map(Text, said),
        _facts(below),
        Text(", ".join([*more, "more: --verbose"]), style="dim"),
    )


def report_view(name: str, report: "Report") -> RenderableType:
    """A verification report."""
    axes = (
        (axis.replace("_", " "), f"{value.value}\n{_said(report, value.summary)}")
        for axis, value in report.axes.items()
    )
    return Group(
        _heading(name),
        *(Text(plain(line)) for line in _told_first(report)),
        Text(),
        _facts(axes, multiline=True),
        *_credential(report),
        *(part for number, match in enumerate(report.matches, 1) for part in _match(report, number, match)),
        _facts(_resembling(report.resembles, report)),
        Text(),
        *(Text(line, style="dim") for line in _limits(report)),
    )


def comparison_view(file: str, reference: str, compared: "FileComparison") -> RenderableType:
    """How a file compares with another one."""
    regions = compared.comparison.regions if compared.comparison else ()
    return Group(
        _heading(file, f"compared with {plain(reference)}"),
        *(Text(plain(line)) for line in _told_first(compared)),
        _facts([("basis", compared.basis), *((region.kind, _place(region)) for region in regions)]),
    )


def language() -> str:
    """That of the terminal's locale (BCP 47), whether or not the catalogue has it; empty where none is set."""
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return locale[:2]


def _wording(report: "Report | FileComparison") -> "Wording | None":
    return report.headline.wording(language())


def _words(report: "Report") -> Sentences:
    """The catalogue of the language of the report's sentences. Names and codes stay those of `--json`."""
    wording = _wording(report)
    return SENTENCES if wording is None else CATALOGUES.get(wording.language, SENTENCES)


def _said(report: "Report", text: str) -> str:
    """A sentence of the report in the language of the terminal's locale, where the report has it."""
    wording = _wording(report)
    return plain(text if wording is None else wording.said(text))


def _told_first(report: "Report | FileComparison") -> list[str]:
    """What a reader is told first, in the language of the terminal's locale where the catalogue has it."""
    wording = _wording(report)
    if wording is None:  # of a service older than the wordings
        return [report.headline.text]
    lead = " ".join(filter(None, (wording.warning, wording.lead)))
    told = (f"{wording.title}.", lead, wording.vouched, *wording.remarks, wording.ai, wording.measured)
    return [line for line in told if line]


def receipt_view(report: "ReceiptReport", *, stamp_asked: bool = False) -> RenderableType:
    """The steps of checking a receipt, and the conclusion."""
    links = report.chain.links if report.chain is not None else ()
    return Group(
        _steps(report.steps),
        Text(),
        _facts([("record", report.record_id.hex()), ("index", str(report.index)), *_witnessing(report.witnessing)]),
        _facts(
            (("made from", f"{link.parent.hex()}\n{link.relation}, {link.state}: {link.detail}") for link in links),
            multiline=True,
        ),
        Text(_conclusion(report, stamp_asked=stamp_asked), style="bold"),
    )


def proof_view(report: "ProofReport") -> RenderableType:
    """The steps of checking a tlog-proof or a transparent statement, and the conclusion."""
    record = "unknown" if report.statement is None else report.statement.record_id.hex()
    return Group(
        _steps(report.steps),
        Text(),
        _facts(
            [
                ("record", record),
                ("log", report.log),
                ("index", f"{report.index} of {report.tree_size:,}"),
                *_witnessing(report.witnessing),
            ]
        ),
        Text(_proof_conclusion(report), style="bold"),
    )


def _witnessing(witnessing: "Witnessing | None") -> list[tuple[str, str]]:
    return [] if witnessing is None else [("witnesses", plain(witnessing.detail))]


def _proof_conclusion(report: "ProofReport") -> str:
    if report.fails:
        return "The proof does not hold."
    if report.holds and report.witnessing is not None and not report.witnessing.enough:
        return "The proof holds, but lacks cosignatures that you require."
    if report.holds:
        return "The log has this statement. Checking its signer needs a .countermark file."
    return "The proof could not be checked. Give the log's key (--vkey), and the entry (--entry)."


def _steps(steps: "Iterable[Step]") -> Table:
    grid = _grid(3)
    for step in steps:
        grid.add_row(str(step.number), Text(step.outcome, style="bold"), Text(f"{step.name}: {plain(step.detail)}"))
    return grid


def audit_view(report: "AuditReport") -> RenderableType:
    """The result of auditing a log."""
    facts = []
    if report.checkpoint is not None:
        facts += [("tree", f"{report.checkpoint.size:,} entries"), ("root", report.checkpoint.root.hex())]
    if report.before is not None:
        facts.append(("seen before", f"{report.before.size:,} entries"))
    facts.append(("hashed now", f"{report.hashed:,} entries"))
    if report.signatures is not None:
        facts.append(("signatures", f"{report.signatures.verified:,} checked now"))
        if report.signatures.unchecked:
            facts.append(("unchecked", f"{report.signatures.unchecked:,}: records of their keys may be withheld"))
    facts += [("key", f"rotated at index {index}") for index in report.rotations]
    facts += [("cosigned by", cosigner.key.name) for cosigner in report.cosigners]
    facts += _witnessing(report.witnessing)
    if report.form == "bytes":
        facts.append(("entries", "not Countermark statements: hashed, but not parsed"))
    if report.is_sound:
        facts += [(f"{count:,} by key", kid.hex()) for kid, count in sorted(report.by_key.items())]
        if report.uncounted:
            facts.append((f"{report.uncounted:,} by", "further keys"))
    return Group(_heading(report.origin), _facts(facts), Text(), *_audit_conclusion(report))


def _audit_conclusion(report: "AuditReport") -> Iterator[RenderableType]:
    if report.is_sound:
        grown = "" if report.before is None else ", and has only been appended to"
        yield Text(f"The log is consistent with its entries{grown}.", style="bold")
        if report.witnessing is not None and not report.witnessing.enough:
            yield Text("Its checkpoint lacks cosignatures that you require.", style="bold")
        return
    yield from (finding_view(finding) for finding in report.findings)
    if any(finding.evidence for finding in report.findings):
        yield Text("The signed evidence is in the output of --json: keep it.", style="dim")


def finding_view(finding: "AuditFinding") -> RenderableType:
    """A finding of an audit."""
    return _heading(f"{finding.kind}:", plain(finding.detail))


def alarm_view(alarm: "Alarm") -> RenderableType:
    """An entry that names a watched key, and is not among the records that you made."""
    return Group(
        _heading(f"entry {alarm.index}", "names your key, and is not among the records that you made"),
        _facts([("record", alarm.record_id.hex()), ("key", alarm.kid.hex()), ("signature", alarm.signature)]),
    )


_HOLDS = "The receipt holds."


def _conclusion(report: "ReceiptReport", *, stamp_asked: bool) -> str:
    failed = [step.number for step in report.steps if step.outcome == "fails"]
    if failed == [MEDIA_STEP]:
        return "The receipt is for another picture."
    if not report.holds:
        return "The receipt does not hold."
    events = "; ".join(_later_events(report))
    missing = _missing(report, stamp_asked=stamp_asked)
    if events:
        return f"The receipt holds, and {events}. {missing.removeprefix(_HOLDS)}".strip()
    return missing or _HOLDS


def _later_events(report: "ReceiptReport") -> Iterator[str]:
    """Later events of a registration whose receipt holds."""
    if report.withdrawn:
        yield "its publisher has withdrawn the registration"
    if report.disputed:
        yield "another publisher disputes the registration"
    if report.key_compromised:
        yield "the key that signed it may have been compromised before it was made (step 6)"
    if report.contested_origins:
        yield "a source of the picture was withdrawn, disputed or signed with a compromised key (step 11)"
    if report.superseded_by is not None:
        yield f"its publisher has superseded the registration by entry {report.superseded_by}"


def _missing(report: "ReceiptReport", *, stamp_asked: bool) -> str:
    """What could not be checked; empty if nothing."""
    if not report.log_key_pinned:
        return (
            "The receipt holds if its log key is the right one; the receipt claims so, and that is not verified. "
            "Give the log's key: --vkey"
        )
    if report.key_compromised is None:
        return (
            f"{_HOLDS} Its key may have been compromised later. The record claims to be older: only a time "
            "stamp by an authority that you trust can prove that (--authority)."
        )
    if report.disputed is None:
        return (
            f"{_HOLDS} Another publisher has disputed the registration, and retracted the dispute with a key that may "
            "have been compromised by then. Ask the registry."
        )
    if report.witnessing is not None and not report.witnessing.enough:
        return f"{_HOLDS} It lacks cosignatures that you require."
    if report.truncated:
        return f"{_HOLDS} It is truncated: more belongs to the registration. Ask the registry."
    if report.steps[ORIGINS_STEP - 1].outcome != "holds":
        return f"{_HOLDS} What the picture was made from is not proven up to its origins."
    if stamp_asked and report.timestamp is None:
        return f"{_HOLDS} The time stamp could not be checked (step 10)."
    return ""


def _credential(report: "Report") -> Iterator[RenderableType]:
    """The signer's list, validity, time and name; redactions, and manifests kept elsewhere."""
    read = report.credential
    if read is None or read.state == "ABSENT":
        return
    words = _words(report)
    listed, phrases = words.page["on_the_list"], words.phrases
    stamps = (
        f"{words.page['unreadable'] if stamp.time is None else f'{stamp.time:%Y-%m-%d %H:%M:%S} UTC'}, "
        f"{f'{listed} {stamp.trust_list}' if stamp.trust_list else phrases['time_stamp_on_no_list']}, "
        f"{words.page['by']} {stamp.authority or phrases['nobody_named']}"
        for stamp in read.time_stamps
    )
    facts = [("trust list", read.trust_list or words.page["no_trust_list"])]
    if read.certificate is not None:
        begins, ends = read.certificate.valid_from, read.certificate.valid_until
        judged = f", {words.validity.get(read.validity, read.validity)}" if read.validity else ""
        facts.append(("certificate", f"{begins:%Y-%m-%d} to {ends:%Y-%m-%d}{judged}"))
    facts += [("time stamp", stamp) for stamp in stamps]
    facts += [("signer's name", read.signer)] if read.signer else []
    facts += [("taken out", address) for address in read.redactions]
    facts += [("kept at", f"{read.remote_url} (not fetched)")] if read.remote_url else []
    facts += [("kept at", f"{part.remote_url} (not fetched)") for part in read.ingredients if part.remote_url]
    yield Text()
    yield _heading("content credential", read.state)
    yield _facts(facts)


def _match(report: "Report", number: int, match: "Match") -> Iterator[RenderableType]:
    asset = match.asset
    publisher = asset.publisher
    yield Text()
    yield _heading(f"match {number}", plain(asset.title or _words(report).phrases["untitled"]))
    yield _facts(
        [
            ("record", asset.id),
            *((("match", match.value),) if match.value else ()),
            ("publisher", f"{publisher.name} ({publisher.identity.established})"),
            ("logged", f"{asset.logged_at:%Y-%m-%d %H:%M:%S} UTC, index {asset.index}"),
            ("standing", f"{match.standing.value}: {_said(report, match.standing.detail)}"),
            *(("source", _said(report, source.detail)) for source in match.sources),
            *((region.kind, _place(region)) for region in (match.comparison.regions if match.comparison else ())),
        ]
    )


def _resembling(found: "Resembles | None", report: "Report | None" = None) -> Iterator[tuple[str, str]]:
    """The registrations that one resembles; those of a report in its language."""
    words = SENTENCES if report is None else _words(report)
    if found is None:
        return
    for each in found.items:
        said = [
            f"record {each.index} of {quote(each.publisher_name)}, logged {each.logged_at:%Y-%m-%d}",
            each.detail if report is None else _said(report, each.detail),
        ]
        said += [words.phrases["stated_as_source"]] if each.stated else []
        said += [each.taken_back] if each.taken_back else []
        told = "differs" if report is not None and each.id == report.older_registration else "similar"
        yield f"{each.side}, {told}", "; ".join(said)
    if found.older + found.newer > len(found.items):
        yield "similar", f"{found.older} older and {found.newer} newer in all"
    if found.state == "pending":
        yield "similar", f"pending: {words.phrases['not_compared_yet']}"


def _place(region: "Region") -> str:
    box = region.query
    seen = f"; seen with {' and '.join(map(plain, region.seen_with))}" if region.seen_with else ""
    area = f"{region.area:.1%}" if region.area >= SENTENCES.thresholds["least_share"] else f"{100 * region.area:.1g}%"
    return (
        f"left {box.left:.0%}, top {box.top:.0%}, right {box.right:.0%}, bottom {box.bottom:.0%} "
        f"({area} of the picture{seen})"
    )


def _limits(report: "Report") -> Iterator[str]:
    words = _words(report)
    for finding in report.findings[:1]:
        yield f"{words.fields['does_not_show']}: {_said(report, finding.does_not_show)}"
    if report.kept_until is not None:
        yield f"Report {report.id} is kept until {report.kept_until:%Y-%m-%d %H:%M} UTC."
    for item in report.not_checked:
        yield f"{words.values['NOT_CHECKED']}: {_said(report, item.what)} ({_said(report, item.why)})"


def _heading(name: str, rest: str = "") -> Text:
    return Text.assemble((plain(name), "bold"), f" {rest}" if rest else "")


def _facts(facts: Iterable[tuple[str, str]], *, multiline: bool = False) -> Table:
    """Names and values; a record id of 64 digits fits beside names of up to 14 characters."""
    grid = _grid(2)
    for name, value in facts:
        first, _, rest = value.partition("\n") if multiline else ("", "", value)
        grid.add_row(plain(name), Text.assemble((first, "bold"), "\n" if first else "", plain(rest)))
    return grid


def _grid(columns: int) -> Table:
    """The last column wraps, the others do not."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(columns - 1):
        grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid
