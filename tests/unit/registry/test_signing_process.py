"""Keys behind a program: the adapter of docs/reference/signer-protocol.md as it is, and programs that misbehave."""

import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from provenance.credentials.certificates import issue_claim_certificate, make_development_authority
from provenance.errors import CertificateUnusable, SignerUnavailable, UnusableKey
from provenance.receipts.procedure import verify_receipt
from provenance.statement.keys import Algorithm, LocalSigner
from registry.keys import signing_process
from registry.keys.keystore import Keystore
from registry.keys.signer_uri import open_signer
from registry.keys.signing_process import ProcessSigner
from registry.times import utc_now
from tests.patience import HUNG_SECONDS
from tests.unit.registry.log_folder import Log

PAGE = Path(__file__).resolve().parents[3] / "docs/reference/signer-protocol.md"

Start = Callable[[str], ProcessSigner]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    private = Ed25519PrivateKey.generate()
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """The adapter of the documentation."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code.count("\n") <= 30
    path = tmp_path / "adapter.py"
    path.write_text(code)
    return path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program of these lines of Python, which answer `line`."""
    signers: list[ProcessSigner] = []

    def run(code: str) -> ProcessSigner:
        path = tmp_path / "program.py"
        path.write_text(code)
        signers.append(ProcessSigner(uri_of(path)))
        return signers[-1]

    yield run
    for signer in signers:
        signer.close()


def uri_of(*command: object) -> str:
    return f"exec:{shlex.join(map(str, (sys.executable, *command)))}"


def test_the_documented_adapter_signs(adapter: Path, key: Path) -> None:
    signer = ProcessSigner(uri_of(adapter, key))
    for message in (b"", b"a message", bytes(40_000)):
        signer.public_key.verify(signer.sign(message), message)
    signer.close()


def test_a_program_that_was_killed_is_started_again(adapter: Path, key: Path) -> None:
    signer = ProcessSigner(uri_of(adapter, key))
    for _ in range(3):
        assert signer._process is not None
        signer._process.kill()
        signer._process.wait()
        signer.public_key.verify(signer.sign(b"again"), b"again")
    signer.close()


def test_a_program_that_has_another_key_when_it_comes_back_is_not_used(adapter: Path, key: Path) -> None:
    signer = ProcessSigner(uri_of(adapter, key))
    other = Ed25519PrivateKey.generate()
    key.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert signer._process is not None
    signer._process.kill()
    signer._process.wait()
    with pytest.raises(SignerUnavailable, match="another key"):
        signer.sign(b"message")
    signer.close()


def test_a_log_signs_through_a_program_and_goes_on_when_that_was_away(adapter: Path, key: Path, tmp_path: Path) -> None:
    with Log(tmp_path / "data", signers={"log": uri_of(adapter, key)}) as log:
        log.grow()
        signer = log.keystore.log
        assert isinstance(signer, ProcessSigner)
        kept = adapter.read_text()
        adapter.write_text("raise SystemExit")
        assert signer._process is not None
        signer._process.kill()
        signer._process.wait()
        with pytest.raises(Exception, match="does not answer"):
            log.grow()
        adapter.write_text(kept)
        log.grow()
        assert log.findings() == []
        assert verify_receipt(log.receipt(0), trusted_keys=[log.sequencer.key]).log_key_pinned
        signer.close()


FIRST = """
import json, sys, time
from tests.patience import HUNG_SECONDS
public = {public!r}
for line in sys.stdin:
    asked = json.loads(line)
    if asked["op"] == "public_key":
        print(json.dumps({{"id": asked["id"], "algorithm": "Ed25519", "public_key": public}}), flush=True)
        continue
"""


@pytest.mark.timing
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ('print("{}", flush=True)', "another request"),
        ('print("[1]", flush=True)', "another request"),
        ('print("no JSON", flush=True)', "does not answer"),
        ('print("[" * 5000, flush=True)', "does not answer"),
        ("sys.exit()", "does not answer"),
        ('print(json.dumps({"id": asked["id"], "signature": "A" * 86}), flush=True)', "does not sign with the key"),
        ('print(json.dumps({"id": asked["id"], "signature": "!"}), flush=True)', "base64url"),
        ('print(json.dumps({"id": asked["id"]}), flush=True)', "has no signature"),
        ('print(json.dumps({"id": asked["id"], "error": "quota"}), flush=True)', "refuses: quota"),
        ('sys.stdout.write("x" * 100000); sys.stdout.flush()', "does not answer"),
        ("time.sleep(3600)", "does not answer"),
    ],
)
def test_a_program_that_misbehaves_is_refused_in_time(
    start: Start, answer: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = start(FIRST.format(public="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo") + f"    {answer}\n")
    monkeypatch.setattr(signing_process, "ANSWER_SECONDS", 0.5 if "sleep" in answer else HUNG_SECONDS)
    with pytest.raises(SignerUnavailable, match=why):
        signer.sign(b"message")


@pytest.mark.parametrize(
    ("algorithm", "public"), [("RSA", "AAAA"), ("Ed25519", "AAAA"), ("Ed25519", "A" * 43), ("ES256", "A" * 43)]
)
def test_a_key_that_we_do_not_take_is_refused_at_the_start(start: Start, algorithm: str, public: str) -> None:
    code = (
        f"import json\ninput()\nprint(json.dumps({{'id': 1, 'algorithm': {algorithm!r}, 'public_key': {public!r}}}))\n"
    )
    with pytest.raises(UnusableKey):
        start(code)


@pytest.mark.parametrize("uri", ["exec:/nowhere/program", "exec:/", uri_of("-c", "pass")])
def test_a_program_that_does_not_run_is_said(uri: str) -> None:
    with pytest.raises(SignerUnavailable):
        open_signer(uri)


def test_the_services_own_settings_are_not_passed_on(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERMARK_KEY_PASSPHRASE", "not for programs")
    monkeypatch.setenv("KMS_CREDENTIALS", "for programs")
    code = "import json, os\ninput()\nseen = [n for n in os.environ if 'COUNTERMARK' in n or 'KMS' in n]\n"
    with pytest.raises(SignerUnavailable, match=r"refuses: \['KMS_CREDENTIALS'\]"):
        start(code + "print(json.dumps({'id': 1, 'error': str(seen)}))\n")


def test_the_program_is_no_shell(tmp_path: Path) -> None:
    with pytest.raises(SignerUnavailable):
        open_signer(f"exec:/bin/echo '{{}}' > {tmp_path}/made")
    assert not (tmp_path / "made").exists()


def test_a_claim_key_may_be_held_elsewhere_with_its_certificates(tmp_path: Path) -> None:
    now = utc_now()
    issued = issue_claim_certificate(make_development_authority(now, "Tests"), "Tests", now)
    signer, chain = LocalSigner(issued.key), issued.chain_pem
    keystore = Keystore.open(tmp_path, b"secret", utc_now, external_signers={"claim": signer}, claim_chain=chain)
    claims = keystore.claim_signer()
    assert claims.chain_pem == chain
    signer.public_key.verify(claims.sign(b"claim"), b"claim")
    assert not (tmp_path / "keys/claim.pem").exists()
    other = LocalSigner.generate(Algorithm.ES256)
    for elsewhere, certificates in ((other, chain), (signer, None)):
        again = Keystore.open(
            tmp_path, b"secret", utc_now, external_signers={"claim": elsewhere}, claim_chain=certificates
        )
        with pytest.raises(CertificateUnusable):
            again.claim_signer()
