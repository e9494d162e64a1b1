"""A publisher's own key: made once, for its owner alone to read, and never written over."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from provenance.statement.keys import LocalSigner, parse_public_key
from provenance.statement.record import parse_record
from provenance.statement.statement import parse_statement, verify_statement
from tests.unit.client.commands import Run

WITHDRAWAL = {"type": "asset.withdrawn", "publisher": "daily", "record": "ab" * 32, "reason": "the wrong river"}


@pytest.fixture(autouse=True)
def _passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERMARK_KEY_PASSPHRASE", "a passphrase for tests")


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
def test_a_key_is_encrypted_and_for_its_owner_alone_to_read(run: Run, tmp_path: Path, algorithm: str) -> None:
    before = os.umask(0)
    try:
        done = run("key", "generate", "daily.pem", "--algorithm", algorithm)
    finally:
        os.umask(before)
    assert done.returncode == 0
    assert stat.S_IMODE((tmp_path / "daily.pem").stat().st_mode) == 0o600
    signer = LocalSigner.from_encrypted_pem((tmp_path / "daily.pem").read_bytes(), b"a passphrase for tests")
    public = parse_public_key((tmp_path / "daily.pem.pub").read_bytes())
    assert public == signer.public_key
    assert done.stdout == f"{public.thumbprint.hex()}\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["daily.pem", "daily.pem.pub"]
    assert run("key", "show", "daily.pem.pub").stdout == f"{public.thumbprint.hex()} {algorithm}\n"
    assert json.loads(run("key", "show", "daily.pem", "--json").stdout)["jwk"] == public.to_jwk()


@pytest.mark.parametrize("there", ["daily.pem", "daily.pem.pub"])
def test_no_key_is_ever_written_over(run: Run, tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("what was there")
    done = run("key", "generate", "daily.pem")
    assert done.returncode == 2
    assert f"{there} is there already, and is not written over" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "what was there"


def test_two_that_make_the_same_key_file_leave_one_whole_key(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from countermark.cli import key

    monkeypatch.setattr(key, "_refuse_existing", lambda *paths: None)
    (tmp_path / "daily.pem").write_text("it came meanwhile")
    with pytest.raises(key.InvalidRequest, match="is there already"):
        key.write_new(tmp_path / "daily.pem", b"another", mode=0o600)
    assert (tmp_path / "daily.pem").read_text() == "it came meanwhile"
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_passphrase_or_a_terminal_no_key_is_made(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COUNTERMARK_KEY_PASSPHRASE")
    monkeypatch.setattr("countermark.cli.key.has_terminal", lambda: False)
    done = run("key", "generate", "daily.pem")
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "COUNTERMARK_KEY_PASSPHRASE" in done.stderr
    monkeypatch.setenv("COUNTERMARK_KEY_PASSPHRASE", "")
    assert "the passphrase is empty" in run("key", "generate", "daily.pem").stderr
    assert list(tmp_path.iterdir()) == []


def test_openssl_reads_the_key(run: Run, tmp_path: Path) -> None:
    run("key", "generate", "daily.pem")
    command = ["openssl", "pkey", "-in", "daily.pem", "-passin", "env:COUNTERMARK_KEY_PASSPHRASE", "-pubout"]
    read = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert read.stdout == (tmp_path / "daily.pem.pub").read_bytes()


def test_a_record_is_signed_here_and_the_same_command_makes_the_same_statement(run: Run, tmp_path: Path) -> None:
    run("key", "generate", "daily.pem")
    (tmp_path / "withdrawal.json").write_text(json.dumps(WITHDRAWAL))
    assert run("key", "sign", "daily.pem", "withdrawal.json", "--out", "signed").returncode == 0
    record = (tmp_path / "signed" / "withdrawal.record").read_bytes()
    data = (tmp_path / "signed" / "withdrawal.cose").read_bytes()
    statement = parse_statement(data)
    verify_statement(statement, parse_public_key((tmp_path / "daily.pem.pub").read_bytes()))
    assert getattr(parse_record(record), "reason") == "the wrong river"  # noqa: B009
    assert run("key", "sign", "daily.pem", "withdrawal.json", "--out", "signed").returncode == 0
    assert (tmp_path / "signed" / "withdrawal.record").read_bytes() == record
    (tmp_path / "withdrawal.json").write_text(json.dumps(WITHDRAWAL | {"reason": "another"}))
    done = run("key", "sign", "daily.pem", "withdrawal.json", "--out", "signed")
    assert done.returncode == 2
    assert "is another record" in done.stderr
    assert (tmp_path / "signed" / "withdrawal.cose").read_bytes() == data


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"type": "asset.withdrawn"}', "[" * 10_000])
def test_what_is_no_record_is_not_signed(run: Run, tmp_path: Path, text: str) -> None:
    run("key", "generate", "daily.pem")
    (tmp_path / "a.json").write_text(text)
    done = run("key", "sign", "daily.pem", "a.json", "--out", "signed")
    assert (done.returncode, (tmp_path / "signed").exists()) == (2, False)
    assert "a.json is not a record" in done.stderr
