"""What the service has freed goes back to the system, however many threads have used it."""

import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api import memory
from tests.patience import POLL_SECONDS, eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="as glibc does it")

ROOT = Path(__file__).resolve().parents[3]
USE = """
import random, threading
from api.memory import give_back, share_arenas

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096

def work(seed):
    chosen = random.Random(seed)
    for _ in range(60):
        freed = [bytearray(chosen.randint(20_000, 400_000)) for _ in range(8)]
        kept.append(bytearray(chosen.randint(600, 2000)))

kept = []
share_arenas()
before = resident()
threads = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
for each in threads:
    each.start()
for each in threads:
    each.join()
used = resident() - before
give_back()
print(used, resident() - before, sum(map(len, kept)))
"""


def test_what_many_threads_have_freed_is_given_back() -> None:
    said = subprocess.run([sys.executable, "-c", USE], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    used, left, kept = map(int, said.split())
    assert used < 16 * 8 * 400_000  # of what sixteen arenas of their own would hold
    assert left < used / 2
    assert left < 4 * kept


def test_memory_is_given_back_again_and_again_while_the_service_runs(
    application: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[None] = []
    monkeypatch.setattr(memory, "GIVEN_BACK_SECONDS", POLL_SECONDS)
    monkeypatch.setattr(memory, "give_back", lambda: rounds.append(None))
    application.router.lifespan_context = lambda _: memory.given_back()
    with TestClient(application):
        eventually(lambda: len(rounds) > 1)
