"""Running an audit: the functions of `countermark.audit` for programs."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from countermark.audit.buckets import Outcome
from countermark.audit.engine import BATCH, Audit
from countermark.audit.options import Options
from countermark.audit.progress import Progress, watched
from countermark.audit.report import judged_items, shown
from countermark.audit.sources import Sources
from countermark.audit.summary import conclude
from countermark.interruptible import InterruptibleRunner
from provenance.errors import CountermarkError
from provenance.statement.keys import Signer


@dataclass(frozen=True)
class AuditedItem:
    """An item of an audit.

    Attributes:
        path: what it is called, as text that is safe to print (`shown`).
        name: the same in octets, as the file system has it.
        sha256: of the bytes, hex; None if they could not be read.
        outcome: the bucket, and all that came of it.
        publisher, title: of the record that it leads to first, if its receipt holds.
    """

    path: str
    name: bytes
    sha256: str | None
    outcome: Outcome
    publisher: str | None = None
    title: str | None = None


async def audit_async(
    sources: Sources | Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    options: Options,
    *,
    key: Signer | None = None,
    tell: Callable[[str], None] = lambda line: None,
    watch: Callable[[Progress], None] | None = None,
) -> AsyncGenerator[AuditedItem, None]:
    """Audit files, and write the report. Yields the items in the order of their names, when all of them are settled.

    Args:
        sources: what to audit: paths, folders, archives, addresses, or `Sources`.
        out: the report folder. If it has the same audit, unfinished, that goes on.
        options: the service's URL, and how to audit.
        key: signs the summary.
        tell: called with a line about something that the auditor should know now.
        watch: called every `WATCH_SECONDS` with how far the audit is.

    Raises:
        Stopped: the service counts as dead, or does not answer as one. The report has what was found until then.
        WrongService: the URL is not that of a service with look-ups.
        InvalidRequest: a list that is none, or a folder with another audit.
        StoreLocked: another command is at work in the folder.
        StoreUnavailable: disk full or read-only.
        MissingExtra: a source needs an extra that is not installed.
    """
    named = sources if isinstance(sources, Sources) else Sources(sources)
    work = Audit(named, Path(out), options, tell)
    with work.state:
        ended: str | None = "it was interrupted"
        try:
            async with watched(work.progress, watch):
                await work.run()
            ended = None
        except CountermarkError as error:
            ended = str(error)
            raise
        finally:
            conclude(work.state, Path(out), named, options, key=key, ended=ended)
        for item, checked in judged_items(work.state, options.policy):
            facts = {} if checked is None else checked.facts
            publisher, title = facts.get("publisher"), facts.get("title")
            yield AuditedItem(shown(item.name), item.name, item.sha256, item.outcome, publisher, title)


def audit(
    sources: Sources | Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    options: Options,
    *,
    key: Signer | None = None,
    tell: Callable[[str], None] = lambda line: None,
    watch: Callable[[Progress], None] | None = None,
) -> Iterator[AuditedItem]:
    """As `audit_async`, outside an event loop. Ctrl-C raises KeyboardInterrupt when the report so far is written."""
    items = audit_async(sources, out, options, key=key, tell=tell, watch=watch)
    with InterruptibleRunner() as runner:
        try:
            while some := runner.run(_some(items)):
                yield from some
        finally:
            runner.run(items.aclose())


async def _some(items: AsyncGenerator[AuditedItem, None]) -> list[AuditedItem]:
    """The next items, none at the end: to enter an event loop takes longer than an item."""
    some: list[AuditedItem] = []
    async for item in items:
        some.append(item)
        if len(some) == BATCH:
            break
    return some
