"""SIGKILL at any moment: what was acknowledged stays where it is, under a log that only grows."""

import os
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.independent_reader import Head, tree_hash
from tests.faults.service import Server, Writers
from tests.patience import eventually

KILLS = int(os.environ.get("FAULT_KILLS", "100"))

READY_TIMES_IMPORTS = 3.0
"""Processor time until a server is ready again, in times of what importing it takes: 1.4, with the key and the log."""


@pytest.mark.timeout(120 + 30 * KILLS)
def test_no_acknowledged_statement_is_lost_or_moved_by_kills(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    server = Server(tmp_path / "data")
    chance = random.Random(20260301)
    heads: list[Head] = []
    ready: list[float] = []
    spent: list[float] = []
    server.start()
    writers = Writers(server, 8)
    for number in range(KILLS):
        eventually(lambda number=number: len(writers.acknowledged) > number)
        time.sleep(chance.uniform(0.02, 0.6))
        server.kill()
        ready.append(server.start())
        spent.append(server.processor_seconds())
        heads.append(server.head())
    before = len(writers.acknowledged)
    eventually(lambda: len(writers.acknowledged) > before)
    writers.stop()
    try:
        assert writers.faults == []
        assert len(writers.acknowledged) >= KILLS
        _, entries = server.read_log()
        assert [head.size for head in heads] == sorted(head.size for head in heads)
        for earlier in heads:
            assert tree_hash(entries[: earlier.size]) == earlier.root
        assert len(set(entries)) == len(entries), "an entry that was sent again was logged twice"
        assert all(entries[index] == statement for statement, index in writers.acknowledged.items())
    finally:
        server.stop()
    record_property("acknowledged", len(writers.acknowledged))
    record_property("seconds until ready", round(statistics.median(ready), 1))
    assert statistics.median(spent) <= READY_TIMES_IMPORTS * server.import_seconds()
    assert server.command("fsck").returncode == 0
