"""The files of local features may be lost, damaged and left half written: searches find what a fresh build finds."""

import os
import random
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from registry.database import Store
from registry.search import segment as segments
from registry.search.inverted_file import InvertedFile
from tests.patience import HUNG_SECONDS, eventually
from tests.postgres import PostgresServer
from tests.unit.registry.searching import Pictures, Searching, codes, proposed

ROUNDS = max(3, int(os.environ.get("FAULT_KILLS", "100")) // 10)
MOMENT = 0.05
"""Seconds, within which a process is killed or suspended: a file is written in a tenth of that."""


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"*{segments.SUFFIX}"))


def replaced(path: Path, data: bytes) -> None:
    """Put other bytes in the place of a file, as a restored backup does: who has mapped it keeps what it had."""
    other = path.with_name("restored")
    other.write_bytes(data)
    other.rename(path)


def cut(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    replaced(path, data[: chance.randrange(len(data))])


def flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    replaced(path, bytes(data))


def delete(path: Path, _chance: random.Random) -> None:
    path.unlink()


def delete_all(path: Path, _chance: random.Random) -> None:
    shutil.rmtree(path.parent)


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (cut, flip, delete, delete_all)


@pytest.mark.timeout(HUNG_SECONDS + 60 * ROUNDS)
def test_whatever_becomes_of_files_and_processes_all_is_found_but_what_was_erased(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    folder, database, chance = tmp_path / "data", postgres.new_database(), random.Random(20260303)
    features, last, erased = folder / "features", 1, list[int]()

    def register() -> tuple[int, int, int]:
        nonlocal last
        first, last = last, last + 21
        return first, last - 1, last - 1

    with ExitStack() as opened:
        store = Store.open(folder, database)
        opened.callback(store.close)
        Pictures(store).found()
        processes = [opened.enter_context(Searching(folder, database)) for _ in range(2)]
        processes[0]("register", *register()[:2])
        eventually(lambda: files(features))
        for number in range(ROUNDS):
            first, end, by = register()
            one, other = processes if number % 2 else reversed(processes)
            one("register", first, end)
            time.sleep(chance.uniform(0, MOMENT))
            killed = chance.random() < 0.5
            one.kill() if killed else one.suspend()
            with suppress(FileNotFoundError):  # the other one has replaced it
                for path in files(features)[: chance.randrange(3)]:
                    chance.choice(DAMAGES)(path, chance)
            erased.append(chance.randrange(first, end))
            other("erase", erased[-1], by)
            assert other("proposed", erased[-1]) == []
            one.restart() if killed else one.go_on()
            assert one("proposed", erased[-1]) == []
        fresh = InvertedFile(tmp_path / "fresh")
        for process in processes:
            eventually(lambda process=process: process("all there"))
            for index in range(1, last):
                assert process("proposed", index) == proposed(store, fresh, index), index
        eventually(lambda: processes[0]("files") == processes[1]("files") == [str(path) for path in files(features)])
        held = b"".join(path.read_bytes() for path in features.rglob("*") if path.is_file())
        assert [index for index in erased if codes(index)["signs"][:1].tobytes() in held] == []
