"""Commands about a log: audit, watch."""

import base64
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from countermark.cli import exits, output
from countermark.cli.options import AsJson, MaxAge, PolicyFile, Quiet, seconds
from countermark.cli.views import alarm_view, audit_view, finding_view
from countermark.defaults import DEFAULT_FILE_SECONDS, DEFAULT_GRACE, DEFAULT_INTERVAL
from provenance.errors import CountermarkError, Exit

if TYPE_CHECKING:
    from countermark.log.auditing import AuditReport, LogAuditor
    from countermark.log.watching import Alarm, Watch
    from provenance.transparency.audit import AuditFinding
    from provenance.transparency.checkpoint import Checkpoint
    from provenance.transparency.policy import Witnessing

LogUrl = Annotated[
    str, typer.Argument(metavar="URL", help="The log's URL, such as https://registry.example/log.", show_default=False)
]
VerifierKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--vkey",
        envvar="COUNTERMARK_VKEY",
        metavar="KEY",
        help="Verifier key of the log, or of a witness; repeatable.",
    ),
]
StatePath = Annotated[
    Path | None,
    typer.Option("--state", metavar="FILE", help="The audit's state file; by default in your state folder."),
]
Entries = Annotated[
    Literal["auto", "statements", "bytes"],
    typer.Option(help="The required kind of entries; auto: that of the first entry."),
]
RecordsUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The service with the records: with it, every signature is verified."),
]
OwnKeys = Annotated[
    list[str],
    typer.Option(
        "--key",
        metavar="KID|FILE",
        help="Your key: its id, or its public key in PEM; repeatable.",
        show_default=False,
    ),
]
Made = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FOLDER|FILE",
        help="Records you made: a folder of receipts, a receipt, or a file of record ids; repeatable.",
    ),
]
Interval = Annotated[float, typer.Option(metavar="SECONDS", min=1, help="Time between two checks of the log.")]
Grace = Annotated[float, typer.Option(metavar="SECONDS", min=0, help="Time by which a receipt may be late.")]
Seconds = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Time for each file of the log.")]


def audit(
    url: LogUrl,
    vkey: VerifierKeys = None,
    state: StatePath = None,
    entries: Entries = "auto",
    from_the_start: Annotated[
        bool, typer.Option("--from-the-start", help="Hash every entry again, not only the new ones.")
    ] = False,
    records: RecordsUrl = None,
    policy: PolicyFile = None,
    max_age: MaxAge = None,
    timeout: Seconds = DEFAULT_FILE_SECONDS,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check a whole log: each entry, tile and root, and that it is append-only.

    Example: countermark log audit https://registry.example/log --vkey "$LOG_KEY"

    Works with every C2SP tlog-tiles log. The state file keeps what was checked, even if the audit is interrupted.
    """
    from countermark.log.auditing import audit_log, keys_of
    from countermark.log.state import StateFile
    from countermark.trust import Trust

    try:
        known = _required(vkey, policy)
        age = seconds(max_age)
        _, origin = keys_of(Trust.of(known, policy, age), url)
        with output.entries_bar(origin, quiet) as progress:
            report = audit_log(
                url,
                log_keys=known,
                state=state or StateFile.default(origin, "audit").path,
                entries=None if entries == "auto" else entries,
                from_the_start=from_the_start,
                records=records,
                timeout=timeout,
                progress=progress,
                policy=policy,
                max_age=age,
            )
    except CountermarkError as error:
        exits.exit_with(error)
    if as_json:
        output.show_json(_report_json(report))
    else:
        output.show(audit_view(report))
    raise typer.Exit(exits.of_audit(report))


def watch(
    url: LogUrl,
    key: OwnKeys,
    vkey: VerifierKeys = None,
    made: Made = None,
    once: Annotated[bool, typer.Option("--once", help="Check once, and exit.")] = False,
    interval: Interval = DEFAULT_INTERVAL,
    grace: Grace = DEFAULT_GRACE,
    policy: PolicyFile = None,
    max_age: MaxAge = None,
    state: StatePath = None,
    timeout: Seconds = DEFAULT_FILE_SECONDS,
    as_json_lines: Annotated[bool, typer.Option("--jsonl", help="Print one line of JSON per alarm.")] = False,
) -> None:
    """Watch a log, and print an alarm for each entry that names your keys and that you did not make.

    Example: countermark log watch https://registry.example/log --key newsroom.pem --made kept/

    Also audits the log. Without --once it runs until it is interrupted.
    """
    from countermark.log.auditing import LogAuditor, keys_of, service_of
    from countermark.log.files import LogFiles, RecordFiles
    from countermark.log.state import StateFile
    from countermark.log.watching import MadeRecords, Watch, WatchedKeys
    from countermark.trust import Trust

    worst = Exit.SATISFIED
    try:
        trust = Trust.of(_required(vkey, policy), policy, seconds(max_age))
        keys, origin = keys_of(trust, url)
        file = StateFile(state, origin) if state else StateFile.default(origin, "watch")
        made_records = MadeRecords(made or (), output.note)
        watching = Watch(WatchedKeys.of(key), made_records, partial(_show_alarm, as_json_lines), grace=grace)
        with LogFiles(url, timeout=timeout) as files, RecordFiles(service_of(url), timeout=timeout) as shown:
            requirement, receipt = trust.requirement(origin), shown.key_receipt
            auditor = LogAuditor(files, keys, file, entries="statements", key_receipt=receipt, requirement=requirement)
            for findings, witnessing in _rounds(auditor, watching, None if once else interval):
                if witnessing is not None and not witnessing.enough:
                    output.note(witnessing.detail)
                    worst = max(worst, Exit.INCOMPLETE) if worst is not Exit.FINDINGS else worst
                for finding in findings:
                    _show_finding(as_json_lines, finding)
                if findings or watching.alarms:
                    worst = Exit.FINDINGS
    except CountermarkError as error:
        exits.exit_with(error)
    except KeyboardInterrupt:
        pass  # Ctrl-C ends watching
    raise typer.Exit(worst)


def _show_alarm(as_json_line: bool, alarm: "Alarm") -> None:
    if as_json_line:
        output.show_json_line(_alarm_json(alarm))
    else:
        output.show(alarm_view(alarm))


def _show_finding(as_json_line: bool, finding: "AuditFinding") -> None:
    if as_json_line:
        output.show_json_line(_finding_json(finding))
    else:
        output.show(finding_view(finding))


def _required(vkey: list[str] | None, policy: Path | None) -> list[str]:
    if not vkey and policy is None:
        exits.refuse(
            "the log's verifier key is required: --vkey (the operator prints it with `python -m api log info`), "
            "or a policy that names it: --policy"
        )
    return vkey or []


def _rounds(
    auditor: "LogAuditor", watching: "Watch", interval: float | None
) -> Iterator[tuple[tuple["AuditFinding", ...], "Witnessing | None"]]:
    """Audits the log, once or repeatedly; yields each round's new findings and newly missing cosignatures.

    Raises CountermarkError; without `interval` every one, else only one that a further round cannot resolve.
    """
    told: tuple[AuditFinding, ...] = ()
    lacked = False
    while True:
        watching.begin_round()
        try:
            report = auditor.run(visit=watching.visit)
        except CountermarkError as error:
            if interval is None or error.exit_status is not Exit.INCOMPLETE:
                raise
            output.explain(error)
        else:
            lacks = report.witnessing is not None and not report.witnessing.enough
            yield () if report.findings == told else report.findings, None if lacked else report.witnessing
            told, lacked = report.findings, lacks
        if interval is None:
            return
        time.sleep(interval)


def _report_json(report: "AuditReport") -> dict[str, object]:
    return {
        "origin": report.origin,
        "sound": report.is_sound,
        "checkpoint": None if report.checkpoint is None else _tree_json(report.checkpoint),
        "before": None if report.before is None else _tree_json(report.before),
        "note": report.note.decode(errors="replace"),
        "cosigners": [{"name": cosigner.key.name, "time": cosigner.time} for cosigner in report.cosigners],
        "witnessing": None if report.witnessing is None else asdict(report.witnessing),
        "hashed": report.hashed,
        "rotated_at": report.rotations,
        "entries": report.form,
        "by_key": {kid.hex(): count for kid, count in sorted(report.by_key.items())},
        "uncounted": report.uncounted,
        "signatures": None if report.signatures is None else asdict(report.signatures),
        "findings": [_finding_json(finding) for finding in report.findings],
    }


def _tree_json(checkpoint: "Checkpoint") -> dict[str, object]:
    return {"size": checkpoint.size, "root": base64.b64encode(checkpoint.root).decode()}


def _finding_json(finding: "AuditFinding") -> dict[str, object]:
    evidence = [base64.b64encode(each).decode() for each in finding.evidence]
    return {"finding": finding.kind, "detail": finding.detail, "evidence": evidence}


def _alarm_json(alarm: "Alarm") -> dict[str, object]:
    return {
        "alarm": "not made by you",
        "index": alarm.index,
        "key": alarm.kid.hex(),
        "record": alarm.record_id.hex(),
        "signature": alarm.signature,
        "entry": base64.b64encode(alarm.entry).decode(),
    }
