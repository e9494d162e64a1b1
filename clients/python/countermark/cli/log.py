"""Commands about a log as others see it: audit, watch."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from countermark.cli import exits, output
from countermark.cli.exits import Exit
from countermark.cli.service import AsJson, Quiet
from countermark.cli.views import alarm_view, audit_view, finding_view
from countermark.defaults import DEFAULT_FILE_SECONDS, DEFAULT_GRACE, DEFAULT_INTERVAL
from provenance.errors import CountermarkError

if TYPE_CHECKING:
    from countermark.log.auditing import AuditReport, LogAuditor
    from countermark.log.watching import Alarm, Watch
    from provenance.transparency.audit import Finding
    from provenance.transparency.checkpoint import Checkpoint

LogUrl = Annotated[
    str, typer.Argument(metavar="URL", help="The log's address, as https://registry.example/log.", show_default=False)
]
VerifierKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--vkey",
        envvar="COUNTERMARK_VKEY",
        metavar="KEY",
        help="Verifier key of the log, and those of witnesses; repeatable.",
    ),
]
StatePath = Annotated[
    Path | None,
    typer.Option("--state", metavar="FILE", help="What to remember of the log; by default in your state folder."),
]
Seconds = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="For each file of the log.")]


def audit(
    url: LogUrl,
    vkey: VerifierKeys = None,
    state: StatePath = None,
    entries: Annotated[
        Literal["auto", "statements", "bytes"],
        typer.Option(help="What the entries have to be; auto: what the first one is."),
    ] = "auto",
    from_the_start: Annotated[
        bool, typer.Option("--from-the-start", help="Hash every entry again, not only the new ones.")
    ] = False,
    timeout: Seconds = DEFAULT_FILE_SECONDS,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check a whole log: each entry, each tile, each root, and that it only grows.

    Works on every log that speaks C2SP tlog-tiles. What was checked is remembered, also when it is interrupted.
    """
    from countermark.log.auditing import LogAuditor, parse_keys
    from countermark.log.files import LogFiles
    from countermark.log.state import StateFile

    try:
        keys, origin = parse_keys(_required(vkey))
        file = StateFile(state, origin) if state else StateFile.default(origin, "audit")
        form = None if entries == "auto" else entries
        with LogFiles(url, timeout=timeout) as files, output.entries_bar(origin, quiet) as progress:
            auditor = LogAuditor(files, keys, file, entries=form, from_the_start=from_the_start)
            report = auditor.run(progress=progress)
    except CountermarkError as error:
        exits.leave_with(error)
    if as_json:
        output.show_json(_report_json(report))
    else:
        output.show(audit_view(report))
    raise typer.Exit(Exit.SATISFIED if report.is_sound else Exit.FINDINGS)


def watch(
    url: LogUrl,
    key: Annotated[
        list[str],
        typer.Option(
            "--key",
            metavar="KID|FILE",
            help="Your key: its id, or its public key in PEM; repeatable.",
            show_default=False,
        ),
    ],
    vkey: VerifierKeys = None,
    made: Annotated[
        list[Path] | None,
        typer.Option(
            "--made",
            metavar="PATH",
            help="What you made: a folder of receipts, a receipt, or a file of record ids; repeatable.",
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    interval: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="Between two looks at the log.")
    ] = DEFAULT_INTERVAL,
    grace: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="That a receipt may come later than its entry.")
    ] = DEFAULT_GRACE,
    state: StatePath = None,
    timeout: Seconds = DEFAULT_FILE_SECONDS,
    as_json_lines: Annotated[bool, typer.Option("--jsonl", help="Print one line of JSON an alarm.")] = False,
) -> None:
    """Follow a log, and give an alarm over entries that your keys have signed and you have not made.

    The log is audited on the way. Without --once it goes on until it is interrupted.
    """

    from countermark.log.auditing import LogAuditor, parse_keys
    from countermark.log.files import LogFiles
    from countermark.log.state import StateFile
    from countermark.log.watching import MadeRecords, Watch, WatchedKeys

    def alarm(raised: "Alarm") -> None:
        if as_json_lines:
            output.show_json_line(_alarm_json(raised))
        else:
            output.show(alarm_view(raised))

    worst = Exit.SATISFIED
    try:
        keys, origin = parse_keys(_required(vkey))
        file = StateFile(state, origin) if state else StateFile.default(origin, "watch")
        watching = Watch(WatchedKeys.of(key), MadeRecords(made or (), output.note), alarm, grace=grace)
        with LogFiles(url, timeout=timeout) as files:
            auditor = LogAuditor(files, keys, file, entries="statements")
            for findings in _rounds(auditor, watching, None if once else interval):
                for finding in findings:
                    if as_json_lines:
                        output.show_json_line(_finding_json(finding))
                    else:
                        output.show(finding_view(finding))
                if findings or watching.alarms:
                    worst = Exit.FINDINGS
    except CountermarkError as error:
        exits.leave_with(error)
    except KeyboardInterrupt:
        pass  # how watching ends
    raise typer.Exit(worst)


def _required(vkey: list[str] | None) -> list[str]:
    if not vkey:
        exits.refuse("the log's verifier key is needed: --vkey (its operator prints it with `python -m api log info`)")
    return vkey


def _rounds(auditor: "LogAuditor", watching: "Watch", interval: float | None) -> Iterator[tuple["Finding", ...]]:
    """Look at the log, once or for ever; yields the findings of each round that has others than the one before.

    Raises CountermarkError: what another look cannot mend, or with one look, everything.
    """
    told: tuple[Finding, ...] = ()
    while True:
        watching.begin_round()
        try:
            report = auditor.run(visit=watching.visit)
        except CountermarkError as error:
            if interval is None or exits.of_error(error) is not Exit.INCOMPLETE:
                raise
            output.explain(error)
        else:
            yield () if report.findings == told else report.findings
            told = report.findings
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
        "hashed": report.hashed,
        "entries": report.form,
        "by_key": {kid.hex(): count for kid, count in sorted(report.by_key.items())},
        "uncounted": report.uncounted,
        "findings": [_finding_json(finding) for finding in report.findings],
    }


def _tree_json(checkpoint: "Checkpoint") -> dict[str, object]:
    return {"size": checkpoint.size, "root": base64.b64encode(checkpoint.root).decode()}


def _finding_json(finding: "Finding") -> dict[str, object]:
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
