"""Commands about many files: audit, audit verify, audit diff."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, NoReturn, TextIO

import typer
from typer.core import TyperGroup

from countermark.cli import exits, output
from countermark.cli.options import ApiKey, Url
from countermark.cli.own_key import PASSPHRASE, read_signer
from countermark.defaults import DEFAULT_URL
from provenance.errors import CountermarkError, Exit, InvalidRequest, StoreUnavailable
from provenance.sentences import SENTENCES

if TYPE_CHECKING:
    from countermark.audit import Outcome, Progress, Sources
    from countermark.audit.options import Options, Send
    from provenance.statement.keys import Signer

LINE_SECONDS = 60.0
"""Seconds between two lines about the progress without a terminal."""

SLOW = 1
"""Items a second below which the rate has a digit after its point: it would be told as none."""

_QUIET = ("identical", "same_picture")
"""Buckets whose items have no line."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH", help="Files, folders, zip and tar archives, addresses, s3://bucket/prefix.", show_default=False
    ),
]
Out = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="The report; the same command goes on there.")]
FilesFrom = Annotated[
    str | None,
    typer.Option(metavar="FILE|-", help="A list of paths or addresses, one a line.", rich_help_panel="Sources"),
]
Null = Annotated[bool, typer.Option("-0", "--null", help="That list has NUL between paths.", rich_help_panel="Sources")]
FromCsv = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A CSV with a column of paths or addresses.", rich_help_panel="Sources"),
]
Column = Annotated[str | None, typer.Option(metavar="NAME", help="The name of that column.", rich_help_panel="Sources")]
DigestList = Annotated[
    str | None,
    typer.Option("--digests", metavar="FILE|-", help="A list as sha256sum writes it.", rich_help_panel="Sources"),
]
Include = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Only such files of folders and archives.", rich_help_panel="Sources"),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="No such files or folders; repeatable.", rich_help_panel="Sources"),
]
Private = Annotated[
    bool,
    typer.Option("--private-networks", help="Also fetch addresses of private networks.", rich_help_panel="Sources"),
]
SendWhat = Annotated[
    Literal["never", "unsettled", "all"] | None,
    typer.Option(
        help="Which pictures may be sent: those that digests do not settle, all, or none. "
        "Without it a terminal is asked; else none, but to this machine the unsettled ones.",
        show_default=False,
    ),
]
Jobs = Annotated[int | None, typer.Option(min=1, metavar="N", help="Processes that hash; by default one a core.")]
InFlight = Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Requests at a time.")]
PolicyToml = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="TOML: what fails, and which logs, witnesses and publishers count."),
]
LogKeys = Annotated[
    list[str] | None,
    typer.Option("--vkey", envvar="COUNTERMARK_VKEY", metavar="KEY", help="Verifier key of the log or a witness."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help=f"Sign the summary: encrypted PEM. {PASSPHRASE} has its passphrase."),
]
Restart = Annotated[bool, typer.Option("--restart", help="Forget what the folder has, and begin anew.")]
Full = Annotated[bool, typer.Option("--full", help="Also keep whole reports, in reports.jsonl.")]
NoReceipts = Annotated[bool, typer.Option("--no-receipts", help="Neither fetch nor check receipts.")]
NoPictures = Annotated[bool, typer.Option("--no-pictures", help="Only hash: no pixel digests, no fingerprints.")]
ClusterAddress = Annotated[
    str | None, typer.Option("--cluster", metavar="ADDRESS", help="Hash on a Dask cluster: its scheduler.")
]
Silent = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing about the progress.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The report folder.", show_default=False)]
SignerKey = Annotated[
    Path | None, typer.Option("--signer", metavar="FILE", help="The auditor's public key, in PEM.", show_default=False)
]


MANY = "many"
"""Name of the command `audit PATH…` in its group; it is hidden, so a path of that name is a path."""


class AuditGroup(TyperGroup):
    """`audit PATH…` is the command, `audit verify` and `audit diff` are others; a folder may be `./verify`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args:
            args = [MANY, "--help"]
        elif args[0] not in self.commands or self.commands[args[0]].hidden:
            args = [MANY, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == MANY else name, command, rest  # as it is called

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, cmd_name) or self.commands[MANY]


def many(
    out: Out,
    paths: Paths = None,
    files_from: FilesFrom = None,
    null: Null = False,
    from_csv: FromCsv = None,
    column: Column = None,
    digests: DigestList = None,
    include: Include = None,
    exclude: Exclude = None,
    private: Private = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    send: SendWhat = None,
    jobs: Jobs = None,
    in_flight: InFlight = 4,
    policy: PolicyToml = None,
    vkey: LogKeys = None,
    key: KeyFile = None,
    no_pictures: NoPictures = False,
    no_receipts: NoReceipts = False,
    full: Full = False,
    cluster: ClusterAddress = None,
    restart: Restart = False,
    quiet: Silent = False,
) -> None:
    """Audit many files, and write a report.

    Example: countermark audit archive/ --out report --url https://registry.example

    `audit verify FOLDER` checks a report without the service, `audit diff OLD NEW` compares two.

    Exit status: 0 as the policy wants, 1 findings, 2 usage, 3 incomplete.
    """
    if (from_csv is None) != (column is None):
        exits.refuse("--from-csv and --column go together")
    if not (paths or files_from or from_csv or digests):
        exits.refuse("name something to audit: PATH, --files-from, --from-csv, --digests")
    from countermark.audit import AuditPolicy, Globs, Sources
    from countermark.audit.items import can_decode
    from countermark.audit.options import Options

    with contextlib.ExitStack() as opened:
        try:
            sources = Sources(
                paths=paths or (),
                lists=[opened.enter_context(_binary(files_from))] if files_from else (),
                nul=null,
                tables=[(opened.enter_context(_table(from_csv)), column)] if from_csv and column else (),
                digests=[opened.enter_context(_binary(digests))] if digests else (),
                globs=Globs(include or (), exclude or ()),
            )
            signer = None if key is None else read_signer(key)
            options = Options(
                url=url.rstrip("/"),
                send=_asked(send, url),
                jobs=jobs or os.cpu_count() or 1,
                in_flight=in_flight,
                policy=AuditPolicy.of(policy, vkey or ()),
                pictures=not no_pictures and can_decode(),
                private=private,
                receipts=not no_receipts,
                full=full,
                cluster=cluster,
                restart=restart,
                api_key=api_key,
            )
        except CountermarkError as error:
            exits.exit_with(error)
        run(sources, out, options, signer, quiet)


def run(sources: "Sources", out: Path, options: "Options", signer: "Signer | None", quiet: bool) -> NoReturn:
    """Audits, prints what is to be looked at, and ends the command as the policy wants."""
    from countermark.audit import audit

    line = ProgressLine(quiet)
    try:
        for item in audit(sources, out, options, key=signer, tell=line.tell, watch=line.watch):
            line.clear()
            if item.outcome.bucket.value not in _QUIET:
                output.show_line(item_line(item.outcome, item.path))
    except KeyboardInterrupt:
        line.tell(f"interrupted: the report so far is in {out}; the same command goes on")
        raise typer.Exit(Exit.INCOMPLETE) from None
    except CountermarkError as error:
        line.clear()
        output.explain(error)
        if isinstance(error, StoreUnavailable):
            raise typer.Exit(Exit.INCOMPLETE) from error
        _conclusion(out, if_there=True)
        raise typer.Exit(error.exit_status) from error
    line.clear()
    raise typer.Exit(_conclusion(out))


def item_line(outcome: "Outcome", path: str) -> str:
    """A line for people: the bucket, why, and the path last, since it may be long."""
    words = SENTENCES.buckets[outcome.bucket.value]["label"]
    why = f" ({SENTENCES.reasons[outcome.reason]})" if outcome.reason else ""
    led = f"  [record {outcome.index}]" if outcome.index is not None else ""
    return f"{words}{why}: {path}{led}"


def totals_line(items: int, buckets: Mapping[str, int]) -> str:
    """How many items, and of these in each bucket, by its name."""
    totals = [f"{buckets[name]:,} {name.replace('_', ' ')}" for name in SENTENCES.buckets if buckets.get(name)]
    return f"{items:,} item{'' if items == 1 else 's'}: {', '.join(totals) or 'none'}"


def _conclusion(out: Path, *, if_there: bool = False) -> Exit:
    """Prints the totals of a report; the exit status that its summary states."""
    from countermark.audit.summary import read_summary

    try:
        summary = read_summary(out)
    except CountermarkError:
        if if_there:
            return Exit.INCOMPLETE
        raise
    output.show_line(totals_line(summary["items"], summary["buckets"]))
    if summary["pending"]:
        output.show_line(f"{summary['pending']:,} were not asked")
    receipts = summary["receipts"]
    if receipts["holds"] and not receipts["log_key_pinned"]:
        output.note(f"{receipts['holds']:,} receipts hold if their log's key is right: give it (--vkey)")
    output.show_line(f"report: {out / 'report.html'}")
    return Exit(summary["exit_status"])


def verify(folder: Folder, signer: SignerKey = None, policy: PolicyToml = None, vkey: LogKeys = None) -> None:
    """Check the report of an audit, offline: signature, digests, receipts, the checkpoints' place in the log.

    Example: countermark audit verify report --signer auditor.pub.pem --vkey "$LOG_KEY"

    Exit status 0 needs --signer, and the log's key (--vkey or --policy).
    """
    from countermark.audit import AuditPolicy, verify_folder
    from countermark.audit.summary import exit_status
    from countermark.content import Content
    from provenance.limits import MAX_KEY_FILE_BYTES
    from provenance.statement.keys import parse_public_key

    try:
        public = None if signer is None else parse_public_key(Content.of(signer).read(MAX_KEY_FILE_BYTES))
        checked = []
        for each in verify_folder(folder, AuditPolicy.of(policy, vkey or ()), public):
            checked.append(each)
            output.show_line(f"{each.outcome}: {each.what}{f' ({each.detail})' if each.detail else ''}")
    except CountermarkError as error:
        exits.exit_with(error)
    raise typer.Exit(exit_status(checked))


def diff(old: Folder, new: Folder, as_json_lines: Annotated[bool, typer.Option("--jsonl")] = False) -> None:
    """Compare two reports: what came, went, has other bytes, or is in another bucket.

    Example: countermark audit diff january february

    Exit status 1 if anything differs.
    """
    from dataclasses import asdict

    from countermark.audit import compare_folders

    status = Exit.SATISFIED
    try:
        for change in compare_folders(old, new):
            status = Exit.FINDINGS
            if as_json_lines:
                output.show_json_line(asdict(change))
                continue
            became = " -> ".join(SENTENCES.buckets[each]["label"] for each in (change.old, change.new) if each)
            output.show_line(f"{change.kind:8} {became}: {change.path}")
    except CountermarkError as error:
        exits.exit_with(error)
    raise typer.Exit(status)


class ProgressLine:
    """How far an audit is, on standard error: one line that is written over on a terminal, else a line a minute."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._on_terminal = sys.stderr.isatty()
        self._begun = time.monotonic()
        self._told = self._begun
        self._drawn = False

    def tell(self, text: str) -> None:
        """A line of its own."""
        self.clear()
        output.note(text)

    def watch(self, progress: "Progress") -> None:
        if self._quiet:
            return
        now = time.monotonic()
        if self._on_terminal:
            line = describe(progress, now - self._begun, now)
            sys.stderr.write(f"\r\x1b[2K{line[: output.columns() - 1]}")
            sys.stderr.flush()
            self._drawn = True
        elif now - self._told >= LINE_SECONDS:
            self._told = now
            output.note(describe(progress, now - self._begun, now))

    def clear(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._drawn = False


def describe(progress: "Progress", seconds: float, now: float) -> str:
    """The progress in one line; `seconds` since the start, `now` monotonic."""
    if progress.step == "listing":
        return f"listing: {progress.total:,} items"
    if progress.records[1]:
        return f"{progress.step}: {progress.records[0]:,} of {progress.records[1]:,}"
    rate = progress.now / seconds if seconds else 0.0
    parts = [f"{progress.step}: {progress.done:,}/{progress.total:,}"]
    if progress.waits is not None and progress.waits[0] > now:
        parts.append(f"waiting {progress.waits[0] - now:.0f} s")
    elif rate:
        left = (progress.total - progress.done) / rate
        parts += [f"{rate:,.0f}/s" if rate >= SLOW else f"{rate:.1g}/s", f"{_duration(left)} left"]
    parts += [f"{number:,} {name.replace('_', ' ')}" for name, number in progress.buckets.most_common(4)]
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"


def _asked(send: "Send | None", url: str) -> "Send":
    """What may be sent: as told, or as a terminal answers; to this machine what is not settled, elsewhere nothing."""
    from urllib.parse import urlsplit

    if send is not None:
        return send
    host = urlsplit(url).hostname
    if host in _LOOPBACK:
        return "unsettled"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return "never"
    question = f"Send {host} the pictures that their digests do not settle? Else they are not compared."
    return "unsettled" if typer.confirm(question, default=False, err=True) else "never"


@contextlib.contextmanager
def _binary(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with _open(Path(name)) as file:
        yield file


@contextlib.contextmanager
def _table(path: Path) -> Iterator[TextIO]:
    import io

    with _open(path) as file:
        yield io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
