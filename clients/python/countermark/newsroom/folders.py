"""Registering folders: every picture once, resumed where it was.

1. List: the pictures of the folders, with what the map states of each.
2. Of each that is not done: hash it; recognise what it is a rendition of, if that was asked for; register it.
3. Keep its receipt, and its signed copy or manifest.

Each step is committed before the next. What a kill interrupts is repeated, and a service carries out equal
registrations once; which record a rendition is of is decided once, and committed before it is registered.
"""

import asyncio
import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from countermark.audit.engine import together
from countermark.audit.items import can_decode
from countermark.audit.patience import NoAnswerError, Patience, impatient
from countermark.audit.progress import Progress, watched
from countermark.audit.report import cell, shown
from countermark.audit.sources import Globs, Sources
from countermark.claims import Claims
from countermark.content import Content
from countermark.interruptible import InterruptibleRunner
from countermark.models import Match
from countermark.newsroom.registering import REFUSALS, keep, register, write_durably
from countermark.newsroom.state import Item, Listed, Outcome
from provenance.errors import CountermarkError, InvalidRequest, MissingExtra
from provenance.limits import MAX_MEDIA_BYTES
from provenance.statement.keys import Signer

TABLE = "records.csv"

PICTURES = tuple(
    "*." + "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in suffix)
    for suffix in ("jpg", "jpeg", "png", "gif", "webp", "tif", "tiff", "avif", "heic", "heif")
)
"""Which files of a folder are taken, unless others are included: nothing else of it leaves this machine."""

HIDDEN = ".*"
"""Is left out of folders: macOS puts `._picture.jpg` beside pictures."""

LARGEST = "largest"
"""For `renditions_of`: the largest of the files that show one picture."""

RECORD_URN = "urn:countermark:record:"
_SAME_PICTURE = frozenset({"EXACT_MATCH", "MATCH_NO_DIFFERENCE_FOUND"})

FINDINGS = frozenset({Outcome.CHANGED_CLAIMS, Outcome.LEFT_OUT, Outcome.FAILED})
"""What somebody has to look at."""


@dataclass(frozen=True)
class Options:
    """How to register.

    Attributes:
        claims: stated of each file.
        signer: holds the publisher's own key, which signs instead of the service's; `claims` name the publisher then.
        table: stated of single files, by their real path in octets (`claims_table.read_map`), before `claims`.
        renditions_of: record of the picture that the files show: those that do are registered as its renditions, the
            others are left out. `LARGEST`: files that show one picture become renditions of the largest of them.
        include, exclude: globs of .gitignore, of files in folders.
        in_flight: registrations at a time.
        restart: forget what the folder has.
    """

    url: str
    api_key: str | None = field(repr=False)
    claims: Claims = field(default_factory=Claims)
    signer: Signer | None = field(default=None, repr=False)
    table: Mapping[bytes, Claims] = field(default_factory=dict)
    renditions_of: str | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    in_flight: int = 4
    restart: bool = False


def register_folders(
    paths: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    options: Options,
    *,
    tell: Callable[[str], None] = lambda line: None,
    watch: Callable[[Progress], None] | None = None,
) -> Iterator[Item]:
    """Register the pictures in folders; returns all of them, in the order of their names.

    Args:
        paths: folders, and single files.
        out: keeps receipts, signed copies, state, and `records.csv`. The same call goes on there.
        tell: called with a line about something to know now.
        watch: called every quarter of a second with how far it is.

    Raises:
        Stopped: the service did not answer. What was done is kept.
        NotAuthenticated, NotPermitted, KeyRefused, WrongService, FrozenLog: what it would answer to every file.
        InvalidRequest: a path or option that is none; another work's folder.
        StoreLocked, StoreUnavailable: another command is at work in the folder; disk full or read-only.
        KeyboardInterrupt: Ctrl-C, when what was done is written.
    """
    work = _Work(paths, Path(out), options, tell)
    with work:
        try:
            with InterruptibleRunner() as runner:
                runner.run(work.run(watch))
        finally:
            work.write_table()
        yield from work.items()


class _Work:
    def __init__(
        self, paths: Sequence[str | os.PathLike[str]], out: Path, options: Options, tell: Callable[[str], None]
    ) -> None:
        self._roots = _roots(paths)
        self._out, self._options, self._tell = out, options, tell
        if options.renditions_of == LARGEST and not can_decode():
            raise MissingExtra("the sizes of pictures are needed: install countermark[pictures]")
        purpose = {
            "url": options.url,
            "paths": sorted(os.fsdecode(root) for root in self._roots),
            "renditions_of": options.renditions_of,
        }
        self._state = Listed(out, purpose, restart=options.restart)
        self._progress = Progress()
        self._at_work: dict[str, asyncio.Lock] = {}
        self._ask = Patience(options.url, self._progress, tell).ask

    def __enter__(self) -> "_Work":
        return self

    def __exit__(self, *_: object) -> None:
        self._state.close()

    async def run(self, watch: Callable[[Progress], None] | None) -> None:
        async with watched(self._progress, watch):
            self._list()
            if self._options.renditions_of == LARGEST:
                await self._measure()
            self._progress.step = "registering"
            options = self._options
            async with impatient(options.url, options.api_key) as client:
                self._client = client
                todo = self._state.todo()

                async def work() -> None:
                    for row in todo:
                        await self._settle(*row)

                # In turn, where a file may be a rendition of the one before.
                await together(work() for _ in range(1 if options.renditions_of else options.in_flight))

    # 1 --------------------------------------------------------------------------------------------

    def _list(self) -> None:
        options = self._options
        missing = set(options.table)
        globs = Globs(options.include or PICTURES, (HIDDEN, *options.exclude))
        links = 0
        with self._state.transaction():
            run = self._state.begin_run()
            for root, below in self._roots.items():
                sources = Sources([os.fsdecode(root)], globs=globs)
                for entry in sources.entries():
                    real = os.path.realpath(entry.name)
                    if not _is_below(os.fsdecode(real), self._out):
                        missing.discard(real)
                        self._state.enter(entry, self._claims(real), _kept(entry.name, root, below), run)
                links += sources.links
        if links:
            self._tell(f"links within folders that were not followed: {links:,}")
        for name in sorted(missing):
            self._tell(f"the map names a file that is not among these: {shown(name)}")
        totals = self._state.totals()
        self._progress.total = sum(totals.values())
        self._progress.buckets = Counter({outcome.value: number for outcome, number in totals.items() if outcome})
        self._progress.done = self._progress.buckets.total()

    def _claims(self, real: bytes) -> Claims:
        return {**self._options.claims, **self._options.table.get(real, {})}

    async def _measure(self) -> None:
        self._progress.step = "measuring"
        for identity, name in self._state.unmeasured():
            self._state.put_item(identity, pixels=await asyncio.to_thread(_pixels, name))

    # 2, 3 -----------------------------------------------------------------------------------------

    async def _settle(self, identity: int, name: bytes, kept: str, rendition: str | None) -> None:
        try:
            outcome, detail = await self._register(identity, name, kept, rendition)
        except REFUSALS:
            raise
        except NoAnswerError as error:
            self._state.put_item(identity, detail=str(error))
            return
        except CountermarkError as error:
            outcome, detail = Outcome.FAILED, str(error)
        self._state.put_item(identity, outcome=outcome, detail=detail)
        self._progress.done += 1
        self._progress.now += 1
        self._progress.buckets[outcome.value] += 1

    async def _register(self, identity: int, name: bytes, kept: str, rendition: str | None) -> tuple[Outcome, str]:
        path, options = Path(os.fsdecode(name)), self._options
        claims = self._claims(os.path.realpath(name))
        sha256 = await asyncio.to_thread(lambda: Content.of(path).sha256())
        async with self._at_work.setdefault(sha256, asyncio.Lock()):
            self._state.put_item(identity, sha256=sha256)
            if (same := self._state.same_bytes(identity, sha256)) is not None:
                self._state.put_item(identity, record=same[1], idx=same[2])
                return Outcome.REPEATED, f"the same bytes as {shown(same[0])}"
            if self._options.renditions_of is not None and claims.get("rendition_of") is None:
                if rendition is None:
                    rendition = await self._recognise(path)
                    self._state.put_item(identity, rendition_of=rendition)
                if rendition:
                    claims["rendition_of"] = rendition
                elif self._options.renditions_of != LARGEST:
                    return Outcome.LEFT_OUT, "no other form of that picture was recognised in it"
            asset = await register(self._client, self._ask, path, claims, self._tell, options.signer)
            if asset.media.sha256 != sha256:
                raise InvalidRequest("it changed while it was registered")
            self._state.put_item(identity, record=asset.id, idx=asset.index)
        await keep(self._client, self._ask, asset, PurePath(kept).name, self._out / PurePath(kept).parent)
        of = f"a rendition of {claims['rendition_of']}" if claims.get("rendition_of") else ""
        return (Outcome.REGISTERED if asset.created else Outcome.REGISTERED_BEFORE), of

    async def _recognise(self, path: Path) -> str:
        """The record that a file is a rendition of; "" for none. The service compares it with what is registered."""
        report = await self._ask(lambda: self._client.verify(path))
        found = (self._original(match) for match in report.matches if match.value in _SAME_PICTURE)
        return next(filter(None, found), "")

    def _original(self, match: Match) -> str | None:
        """The record that a file is a rendition of, if this match says so."""
        asset, is_it = match.asset, match.basis == "bytes"
        if self._options.renditions_of == LARGEST:
            return self._state.first_of(asset.id)
        wanted = (self._options.renditions_of or "").removeprefix(RECORD_URN)
        led = (asset.rendition_of or "").removeprefix(RECORD_URN) if is_it else asset.id
        return wanted if led == wanted else None

    def items(self) -> Iterator[Item]:
        return self._state.items()

    def write_table(self) -> None:
        """Writes `records.csv`; no cell of it runs as a formula. Raises StoreUnavailable."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(("file", "outcome", "record", "index", "sha256", "detail"))
        for item in self.items():
            cells = item.path, item.outcome, item.record, item.index, item.sha256, item.detail
            rows.writerow(map(cell, cells))
        write_durably(self._out / TABLE, text.getvalue().encode())


def _roots(paths: Sequence[str | os.PathLike[str]]) -> dict[bytes, bytes]:
    """What was named, each with the name under which it is kept. Raises InvalidRequest."""
    roots: dict[bytes, bytes] = {}
    for path in paths:
        name = os.fsencode(path)
        if not os.path.exists(name):  # noqa: PTH110  # a path of octets
            raise InvalidRequest(f"{shown(name)}: there is no such file or folder")
        roots[name] = os.path.basename(os.path.realpath(name))  # noqa: PTH119
    if len(set(roots.values())) < len(roots):
        raise InvalidRequest("two files or folders have the same name: their receipts could not be told apart")
    return roots


def _kept(name: bytes, root: bytes, below: bytes) -> str:
    """Where the receipt of a file is kept, below the folder for them, and the file's own name."""
    return os.fsdecode(below if name == root else os.path.join(below, os.path.relpath(name, root)))  # noqa: PTH118


def _is_below(path: str, folder: Path) -> bool:
    return Path(path).is_relative_to(os.path.realpath(folder))


def _pixels(name: bytes) -> int:
    """Width times height; 0 for what is no picture."""
    from provenance.media.media import Media

    try:
        media = Media.from_bytes(Content.of(os.fsdecode(name)).read(MAX_MEDIA_BYTES))
    except CountermarkError:
        return 0
    return media.width * media.height
