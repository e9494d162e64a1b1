"""An audit against the running service: every bucket that it leads to, a signed report, and its check offline."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from countermark import Client

from demo import alterations
from demo.service import Service, running_service
from provenance.statement.keys import Algorithm, LocalSigner
from tests.e2e.test_client import draw
from tests.patience import HUNG_SECONDS

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One of its own: what others withdraw and dispute is found in the altered picture, too."""
    with running_service(tmp_path_factory.mktemp("service") / "data", operator="The Test Daily") as service:
        yield service


@pytest.fixture(scope="module")
def archive(service: Service, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder of registered, changed and foreign files, and the log's key."""
    folder = tmp_path_factory.mktemp("audited") / "archive"
    (folder / "sub").mkdir(parents=True)
    with Client(service.url, api_key=service.api_key) as client:
        exact = client.register(draw(901), title="=HYPERLINK(1) <script>alert(1)</script>")
        client.register(draw(902), title="Flood")
        client.withdraw(client.register(draw(903), title="Wrong river").id, "the wrong river")
        client.register(alterations.PHOTOS / "mountains.jpg", title="Path below the Picos")
        (folder / "signed copy.jpg").write_bytes(client.credentialed(exact.id))
    (folder / "exact.jpg").write_bytes(draw(901))
    (folder / "sub" / "withdrawn.jpg").write_bytes(draw(903))
    (folder / "altered.jpg").write_bytes(alterations.copy_with_pasted_object())
    (folder / "stranger.jpg").write_bytes(draw(999))
    (folder / "truncated.jpg").write_bytes(draw(998)[:3_000])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "notes.txt").write_text("not a picture")
    shutil.make_archive(str(folder / "more"), "zip", folder, "sub")
    return folder, str(exact.receipt["log_key"])


@pytest.fixture
def run(service: Service, archive: tuple[Path, str], tmp_path: Path) -> Run:
    def run(*arguments: object, status: int) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {
            "COUNTERMARK_URL": service.url,
            "COUNTERMARK_VKEY": archive[1],
            "COUNTERMARK_KEY_PASSPHRASE": "the auditor's",
        }
        command = [sys.executable, "-m", "countermark", "audit", *map(str, arguments)]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=HUNG_SECONDS, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def bucket_of(report: Path) -> dict[str, str]:
    lines = (report / "items.jsonl").read_text().splitlines()
    return {item["path"].rpartition("archive/")[2]: item["bucket"] for item in map(json.loads, lines)}


def test_each_file_is_in_its_bucket_and_the_signed_report_is_checked_without_the_service(
    run: Run, archive: tuple[Path, str], tmp_path: Path
) -> None:
    folder, _ = archive
    signer = LocalSigner.generate(Algorithm.ED25519)
    (tmp_path / "auditor.pem").write_bytes(signer.to_encrypted_pem(b"the auditor's"))
    (tmp_path / "auditor.pub.pem").write_bytes(public_pem(signer))
    done = run(folder, "--out", "report", "--key", "auditor.pem", "--full", status=3)
    found = bucket_of(tmp_path / "report")
    assert found.pop("more.zip!/sub/withdrawn.jpg") == "withdrawn_or_disputed"
    assert found == {
        "altered.jpg": "differs",
        "empty.jpg": "could_not_check",
        "exact.jpg": "identical",
        "notes.txt": "could_not_check",
        "signed copy.jpg": "identical",
        "stranger.jpg": "not_found",
        "sub/withdrawn.jpg": "withdrawn_or_disputed",
        "truncated.jpg": "could_not_check",
    }
    assert "exact.jpg" not in done.stdout
    assert f"Differs: {folder}/altered.jpg" in done.stdout
    assert "9 items: 2 identical, 1 differs" in done.stdout
    assert len((tmp_path / "report" / "reports.jsonl").read_text().splitlines()) == 2

    checked = run("verify", "report", "--signer", "auditor.pub.pem", status=0)
    assert "holds: signature" in checked.stdout
    assert "holds: receipts (of 3 records)" in checked.stdout
    (tmp_path / "report" / "items.csv").write_text("path\n")
    assert "fails: items.csv" in run("verify", "report", "--signer", "auditor.pub.pem", status=1).stdout


def test_what_was_not_sent_is_a_lead_or_not_compared_and_two_reports_can_be_compared(
    run: Run, archive: tuple[Path, str], tmp_path: Path
) -> None:
    folder, _ = archive
    run(folder, "--out", "kept-here", "--send", "never", "--include", "*.jpg", status=3)
    found = bucket_of(tmp_path / "kept-here")
    assert (found["altered.jpg"], found["stranger.jpg"]) == ("lead", "not_compared")
    run(folder, "--out", "sent", "--send", "unsettled", "--include", "*.jpg", status=3)
    told = run("diff", "kept-here", "sent", status=1).stdout.splitlines()
    assert told == [
        f"bucket Lead -> Differs: {folder}/altered.jpg",
        f"bucket Not compared -> Not found: {folder}/stranger.jpg",
    ]
    run("diff", "sent", "sent", status=0)


def public_pem(signer: LocalSigner) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = Ed25519PublicKey.from_public_bytes(signer.public_key.raw)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
