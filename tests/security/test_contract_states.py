"""Sequences of requests, made from `openapi.yaml`: what one answer names is asked of the next (`schemathesis run`)."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.service import UNBOUNDED
from tests.patience import HUNG_SECONDS
from tests.security.hostile import FULL
from tests.served import ROOT, served

EXAMPLES = 180 if FULL else 10
"""Of each operation, and sequences."""

# A schema cannot say that bytes must be a picture, or which cursor is one.
LEFT_OUT = "positive_data_acceptance"

RUN = """
import schemathesis
from schemathesis.cli import schemathesis as command
binary = ["application/cose", "application/scitt-statement+cose", "application/cbor-seq"]
schemathesis.serializer.alias(binary, "application/octet-stream")
command()
"""


@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "without a key"])
def test_sequences_of_requests_are_answered_as_documented(
    tmp_path: Path, keyed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(tmp_path, authentication_failure_rate="1000000/second", **UNBOUNDED) as server:
        server.wait()
        key = re.search(r"cmk_\S+", server.log.read_text())
        assert key is not None
        done = subprocess.run(
            [
                *(sys.executable, "-c", RUN, "run"),
                *(ROOT / "openapi.yaml", "--url", f"http://127.0.0.1:{server.port}", "--phases", "stateful"),
                *("--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-shrink", "--no-color"),
                *("--exclude-checks", LEFT_OUT, "--request-timeout", str(HUNG_SECONDS)),
                *(("-H", f"Authorization: Bearer {key[0]}") if keyed else ()),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=8 * HUNG_SECONDS,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-6000:]
        assert "unhandled exception" not in server.log.read_text()
        with capsys.disabled():
            print("\n" + " ".join(re.findall(r"\d+ generated.*|Scenarios:.*|API Links:.*", said)))  # noqa: T201
