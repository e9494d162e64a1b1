"""What is acknowledged can be found: by the very next search, and after the process was killed."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.registry import Registry
from registry.sandbox import examination
from registry.search import multi_index, scan
from tests.patience import HUNG_SECONDS
from tests.unit.registry.desk import open_desk, register, verify
from tests.unit.verification.pictures import MOUNTAINS, PHOTOS, photo, recompressed

ROOT = Path(__file__).resolve().parents[3]


def found(registry: Registry) -> list[str]:
    return [match["asset"]["id"] for match in verify(registry, recompressed(MOUNTAINS))["matches"]]


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_registration_is_found_by_the_next_verification(
    tmp_path: Path, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if size == "large":  # nothing is scanned, and the first row has a place in the tables
        monkeypatch.setattr(scan, "MAX_SCANNED", 0)
        monkeypatch.setattr(multi_index, "MAX_TAIL", 0)
    with open_desk(tmp_path) as registry:
        assert found(registry) == []
        record = register(registry, photo(MOUNTAINS)).asset.id
        assert found(registry) == [record]


@pytest.mark.timing
@pytest.mark.parametrize("most_scanned", [scan.MAX_SCANNED, 0])
def test_an_acknowledged_registration_is_found_after_the_process_was_killed(
    tmp_path: Path, most_scanned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "MAX_SCANNED", most_scanned)
    command = [sys.executable, "-m", "tests.unit.registry.killed_after_registering", tmp_path, PHOTOS / MOUNTAINS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        acknowledged = process.stdout.readline().strip()
        process.kill()
    with open_desk(tmp_path) as registry:
        assert found(registry) == [acknowledged]


def test_either_half_of_what_a_registration_needs_is_computed_beside_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(2)

    def beside(function: Callable[..., object]) -> Callable[..., object]:
        def begun(*given: object) -> object:
            together.wait(HUNG_SECONDS)  # breaks where one waits for the other
            return function(*given)

        return begun

    for name in ("draw_thumbnail", "fingerprint"):
        monkeypatch.setattr(examination, name, beside(getattr(examination, name)))
    path = tmp_path / "picture"
    path.write_bytes(photo(MOUNTAINS))
    prepared = examination.prepare(lambda _: b"", path, bytes(32), None)
    assert prepared.described.codes == examination.describe_thumbnail(prepared.thumbnail).codes
