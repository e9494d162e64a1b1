"""A machine that lacks something: the run passes, and its last lines say what it did not test."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
TESTS = """
import pytest

@pytest.mark.browser
@pytest.mark.parametrize("page", ["home", "log"])
def test_in_a_browser(chromium, page):
    pass

@pytest.mark.token
def test_on_a_token(softhsm):
    pass

def test_elsewhere():
    pass

@pytest.fixture
def server():
    pytest.skip("no server")

def test_with_a_server(server):
    pass

@pytest.mark.skipif(True, reason="no such kernel")
def test_on_a_kernel():
    pass

@pytest.mark.xfail(reason="known")
def test_known():
    raise AssertionError
"""


@pytest.mark.parametrize("processes", ["0", "2"])
def test_the_last_lines_count_the_tests_that_did_not_run(tmp_path: Path, processes: str) -> None:
    lines = _run(tmp_path, "-n", processes)
    assert set(lines[-4:]) == {
        "2 tests did NOT run: no Chromium (make browsers gets it)",
        "1 test did NOT run: no SoftHSM (make tokens gets it)",
        "1 test did NOT run: no server",
        "1 test did NOT run: no such kernel",
    }
    assert "1 passed, 5 skipped, 1 xfailed" in lines[-5]


def test_nothing_is_said_where_nothing_is_needed(tmp_path: Path) -> None:
    lines = _run(tmp_path, "-k", "elsewhere")
    assert "1 passed" in lines[-1]


def _run(folder: Path, *options: str) -> list[str]:
    shutil.copy(CONFTEST, folder)
    (folder / "test_pages.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    browser: x\n    token: x\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "xdist", *options],
        cwd=folder,
        env=os.environ
        | {"PATH": str(folder), "PLAYWRIGHT_BROWSERS_PATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.strip().splitlines()
