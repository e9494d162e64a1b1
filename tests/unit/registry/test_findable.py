"""What is acknowledged can be found: by the very next search, and after the process was killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.matching.observed import ObservedRegistry, observed_registry
from registry.search import scan
from registry.usecases import verify as verification
from tests.unit.verification.pictures import MOUNTAINS, PHOTOS, recompressed

ROOT = Path(__file__).resolve().parents[3]


def found(registry: ObservedRegistry) -> list[str]:
    return [match["asset"]["id"] for match in registry.verify(recompressed(MOUNTAINS)).report["matches"]]


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_registration_is_found_by_the_next_verification(
    tmp_path: Path, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if size == "large":  # from this many registrations on, the multi-index searches alone
        monkeypatch.setattr(verification, "MAX_SCANNED", 0)
    with observed_registry(tmp_path) as registry:
        assert found(registry) == []
        record = registry.register(PHOTOS / MOUNTAINS, "Mountains")
        assert found(registry) == [record]
        stages = {stage for stage in registry.verify(recompressed(MOUNTAINS)).stages if stage.startswith("search")}
    assert stages == ({"search: index", "search: scan"} if size == "small" else {"search: multi_index"})


@pytest.mark.timing
@pytest.mark.parametrize("most_scanned", [scan.MAX_SCANNED, 0])
def test_an_acknowledged_registration_is_found_after_the_process_was_killed(
    tmp_path: Path, most_scanned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "MAX_SCANNED", most_scanned)
    command = [sys.executable, "-m", "tests.unit.registry.killed_after_registering", tmp_path, PHOTOS / MOUNTAINS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        acknowledged = process.stdout.readline().strip()
        process.kill()
    with observed_registry(tmp_path) as registry:
        assert found(registry) == [acknowledged]
