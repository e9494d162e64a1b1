"""A process that searches the local features of one store beside others, and does to the store what it is told.

It is asked by lines of JSON, (what, arguments), and answers each with one.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import numpy as np

from provenance.errors import StoreUnavailable
from provenance.media.local_features import CODE, LocalFeatures
from registry.database import Session, Store, entries, events, local_features
from registry.database.entries import NewEntry
from registry.search import column_file, inverted_file
from registry.search import segment as segments
from registry.search import shard as shards
from registry.search.inverted_file import InvertedFile
from tests.patience import EXPIRING_SECONDS, HUNG_SECONDS, POLL_SECONDS

ROOT = Path(__file__).resolve().parents[3]
FEATURES = 60


def codes(seed: int) -> np.ndarray:
    """The features of a picture; those of another one are near none of them."""
    random = np.random.default_rng(seed)
    made = np.empty(FEATURES, CODE)
    made["word"] = random.integers(0, 128 * 128, FEATURES) % 40  # few words, so that lists are long
    made["signs"] = random.integers(0, 2**64, FEATURES, dtype=np.uint64)
    made["direction"], made["size"] = random.integers(0, 256, FEATURES), random.integers(60, 100, FEATURES)
    return made


def query(seed: int) -> LocalFeatures:
    return LocalFeatures(codes(seed)[:30].tobytes(), codes(10**6).tobytes())


class Pictures:
    """What the tests do to a store: log indices are named by them, and rise."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def found(self) -> None:
        genesis = NewEntry(0, b"", b"", 0, b"\1" * 32, "log.genesis", b"{}")
        self.store.write(lambda session: entries.append(session, [genesis])).result()

    def register(self, first: int, end: int) -> None:
        def rows(session: Session) -> None:
            for index in range(first, end):
                local_features.insert(session, index, codes(index).tobytes())

        self.store.write(rows).result()

    def erase(self, index: int, by: int) -> None:
        def rows(session: Session) -> None:
            local_features.remove(session, index)
            self._event(session, index, by, "record.erased")

        self.store.write(rows).result()

    def reveal(self, index: int, by: int) -> None:
        def rows(session: Session) -> None:
            local_features.insert(session, index, codes(index).tobytes())
            self._event(session, index, by, "asset.revealed")

        self.store.write(rows).result()

    def describe_anew(self, index: int, seed: int) -> None:
        """As `index rebuild` with a later version of the features does."""

        def rows(session: Session) -> None:
            local_features.replace(session, {index: codes(seed).tobytes()})
            local_features.begin_generation(session)

        self.store.write(rows).result()

    def _event(self, session: Session, index: int, by: int, type_: str) -> None:
        record = index.to_bytes(32)
        entries.append(session, [NewEntry(index, b"", b"", 0, record, "asset.registered", b"{}")])
        events.add(session, record, by, type_)


def proposed(store: Store, file: InvertedFile, seed: int) -> list[int]:
    while True:
        try:
            with store.read() as session:
                return [each.index for each in file.candidates(session, query(seed)).proposals]
        except (
            StoreUnavailable
        ):  # silent for seconds on a busy machine, this process led no more: others ended its reads
            time.sleep(POLL_SECONDS)


class Searching:
    """The process, from outside."""

    def __init__(self, folder: Path, database: str) -> None:
        self._command = [sys.executable, "-m", "tests.unit.registry.searching", str(folder), database]
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        return subprocess.Popen(self._command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)

    def restart(self) -> None:
        self.kill()
        self._process = self._started()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def __call__(self, what: str, *arguments: int) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([what, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"it ended with status {self._process.wait(HUNG_SECONDS)}"
        return json.loads(answer)

    def suspend(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def main(folder: Path, database: str) -> None:
    shards.TAIL, segments.LIST, segments.MERGED_AT_ONCE = 8, 4, 200
    column_file.PAGE, column_file.READ_AT_OPENING = 256, 0  # all files are large
    shards.SUSPENDED_SECONDS, inverted_file.TEND_SECONDS = EXPIRING_SECONDS, POLL_SECONDS
    store, file = Store.open(folder, database), InvertedFile(folder / "features")
    file.start(store)
    pictures = Pictures(store)

    def all_there() -> bool:
        shard = file._shard
        if file.trouble is not None or shard is None or shard.tail >= shards.TAIL or shard.holes:
            return False
        return all(each.is_read for each in shard.segments)

    def files() -> list[str]:
        shard = file._shard
        return [] if shard is None else [str(each.file) for each in shard._state.files]

    for line in sys.stdin:
        what, *arguments = json.loads(line)
        match what:
            case "proposed":
                answer: object = proposed(store, file, *arguments)
            case "files":
                answer = files()
            case "all there":
                answer = all_there()
            case _:
                answer = getattr(pictures, what)(*arguments)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
