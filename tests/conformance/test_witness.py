"""C2SP tlog-witness over HTTP: our witness, asked by a log that is written here, and the process itself."""

import base64
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from demo.port import kept_port
from provenance.errors import SettingsInvalid, StoreCorrupt, StoreLocked, UnusableKey
from provenance.limits import MAX_WITNESS_REQUEST_BYTES
from provenance.transparency.note import ED25519, VerifierKey
from registry.attestation.witness import Witness, read_logs
from registry.times import utc_now
from tests.logs.log import Tree
from tests.loopback import PASSPHRASE, RunningWitness, running_witness
from tests.patience import EXPIRING_SECONDS, HUNG_SECONDS, eventually
from tests.witness_service import as_a_service

ROOT = Path(__file__).parents[2]
ORIGIN = "log.example/one"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x01")
LOG_KEY = VerifierKey(ORIGIN, ED25519, PRIVATE.public_key().public_bytes_raw())


class Log:
    """A log whose entries are their own numbers; from `fork` on they are others."""

    def __init__(self, fork: int | None = None) -> None:
        self.fork = fork

    def _tree(self, size: int) -> Tree:
        forked = size if self.fork is None else self.fork
        return Tree(f"{number}{'!' * (number >= forked)}".encode() for number in range(size))

    def text(self, size: int) -> bytes:
        return f"{ORIGIN}\n{size}\n{base64.b64encode(self._tree(size).root(size)).decode()}\n".encode()

    def note(self, size: int, *, signed: bytes | None = None) -> bytes:
        text = self.text(size)
        line = base64.b64encode(LOG_KEY.key_id + PRIVATE.sign(signed or text)).decode()
        return text + f"\n— {ORIGIN} {line}\n".encode()

    def request(self, old: int, size: int, *, proven: int | None = None) -> bytes:
        proof = self._tree(size).consistency(old if proven is None else proven, size)
        lines = [f"old {old}", *(base64.b64encode(each).decode() for each in proof), "", ""]
        return "\n".join(lines).encode() + self.note(size)


LOG, FORK = Log(), Log(fork=2)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[RunningWitness]:
    with running_witness(tmp_path / "w", "w.example/1", LOG_KEY, serve=as_a_service) as running:
        yield running


def post(witness: RunningWitness, body: bytes) -> httpx2.Response:
    return httpx2.post(f"{witness.url}/add-checkpoint", content=body, timeout=HUNG_SECONDS)


def verify(answer: httpx2.Response, text: bytes, witness: RunningWitness) -> int:
    """C2SP tlog-cosignature by hand: the time that the two lines in the answer state."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    match = re.fullmatch(r"— w\.example/1 ([A-Za-z0-9+/=]+)\n— w\.example/1 ([A-Za-z0-9+/=]+)\n", answer.text)
    assert match is not None
    ed25519, ml_dsa = (base64.b64decode(each) for each in match.groups())
    seconds = int.from_bytes(ed25519[4:12])
    public, second = (key.public for key in witness.witness.keys)
    assert ed25519[:4] == hashlib.sha256(b"w.example/1\n\x04" + public).digest()[:4]
    signed = f"cosignature/v1\ntime {seconds}\n".encode() + text
    Ed25519PublicKey.from_public_bytes(public).verify(ed25519[12:], signed)
    assert ml_dsa[:4] == hashlib.sha256(b"w.example/1\n\x06" + second).digest()[:4]
    assert ml_dsa[4:12] == ed25519[4:12]
    _, size, root, _ = text.split(b"\n")
    tree = (0).to_bytes(8) + int(size).to_bytes(8) + base64.b64decode(root)
    names = b"\x0bw.example/1" + ml_dsa[4:12] + bytes([len(ORIGIN)]) + ORIGIN.encode()
    MLDSA44PublicKey.from_public_bytes(second).verify(ml_dsa[12:], b"subtree/v1\n\0" + names + tree)
    return seconds


def test_a_growing_log_is_cosigned(witness: RunningWitness) -> None:
    old = 0
    for size in (0, 1, 1, 3, 8, 8, 13):
        began = int(time.time())
        answer = post(witness, LOG.request(old, size))
        assert began <= verify(answer, LOG.text(size), witness) <= time.time()
        old = size


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"old 3\n\n", 400),
        (b"new 0\n\n" + LOG.note(3), 400),
        (b"old 03\n\n" + LOG.note(3), 400),
        (b"old -1\n\n" + LOG.note(3), 400),
        (b"old 3\nAAAA\n\n" + LOG.note(3), 400),
        (b"old 3\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\n" + LOG.note(3), 400),
        (b"old 4\n\n" + LOG.note(3), 400),
        (b"old 3\n\n" + LOG.text(3), 400),
        (b"old 3\n\n" + LOG.note(3, signed=LOG.text(4)), 403),
        (b"old 3\n\n" + LOG.note(3).replace(b"+", b"-", 1).replace(b"log.example/one ", b"log.example/two ", 1), 403),
        (b"old 3\n\n" + LOG.note(3).replace(b"log.example/one", b"log.example/two", 2), 404),
        (LOG.request(0, 5), 409),
        (LOG.request(5, 6), 409),
        (FORK.request(3, 3), 422),
        (FORK.request(3, 5), 422),
        (LOG.request(3, 5, proven=2), 422),
        (bytes(MAX_WITNESS_REQUEST_BYTES + 1), 413),
    ],
)
def test_what_is_refused_and_how(witness: RunningWitness, body: bytes, status: int) -> None:
    verify(post(witness, LOG.request(0, 3)), LOG.text(3), witness)
    answer = post(witness, body)
    assert answer.status_code == status
    if status == 409:
        assert (answer.headers["content-type"], answer.text) == ("text/x.tlog.size", "3\n")
    else:
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    verify(post(witness, LOG.request(3, 8)), LOG.text(8), witness)  # nothing has changed


def test_a_monitor_sees_what_was_cosigned_last(witness: RunningWitness) -> None:
    path = f"{witness.url}/{hashlib.sha256(ORIGIN.encode()).hexdigest()}/checkpoint"
    assert httpx2.get(path).status_code == 404
    post(witness, LOG.request(0, 3))
    cosigned = post(witness, LOG.request(3, 5))
    assert httpx2.get(path).content == LOG.note(5) + cosigned.content
    assert httpx2.get(f"{witness.url}/{'0' * 64}/checkpoint").status_code == 404


@pytest.mark.timing
def test_of_two_histories_at_once_one_is_cosigned(witness: RunningWitness) -> None:
    post(witness, LOG.request(0, 2))
    answers: list[int] = []
    barrier = threading.Barrier(8)

    def ask(number: int) -> None:
        body = (LOG if number % 2 else FORK).request(2, 5)
        barrier.wait()
        answers.append(post(witness, body).status_code)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(answers) == {200: 1, 409: 7}


@pytest.mark.timing
def test_a_body_that_drips_is_given_up(tmp_path: Path) -> None:
    impatient = partial(as_a_service, body_timeout=EXPIRING_SECONDS)
    with (
        running_witness(tmp_path / "w", "w.example/1", LOG_KEY, serve=impatient) as witness,
        socket.create_connection(
            ("127.0.0.1", int(witness.url.rpartition(":")[2])), timeout=HUNG_SECONDS
        ) as connection,
    ):
        connection.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 100\r\n\r\nold")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 408 ")


# What it keeps


def open_again(folder: Path, name: str = "w.example/1") -> Witness:
    return Witness.open(folder, name, PASSPHRASE, {ORIGIN: (LOG_KEY,)}, utc_now)


def test_what_was_cosigned_outlives_the_process(tmp_path: Path) -> None:
    first = open_again(tmp_path)
    assert first.add_checkpoint(LOG.request(0, 3)).status == 200
    first.close()
    again = open_again(tmp_path)
    assert again.keys == first.keys
    assert again.add_checkpoint(FORK.request(0, 5)).status == 409
    assert again.add_checkpoint(FORK.request(3, 5)).status == 422
    again.close()


def test_a_second_witness_on_the_folder_is_refused(tmp_path: Path) -> None:
    first = open_again(tmp_path)
    with pytest.raises(StoreLocked):
        open_again(tmp_path)
    first.close()


def test_a_witness_that_lost_its_key_does_not_make_another(tmp_path: Path) -> None:
    first = open_again(tmp_path)
    first.add_checkpoint(LOG.request(0, 3))
    first.close()
    (tmp_path / "keys" / "witness.pem").unlink()
    with pytest.raises(UnusableKey, match="cannot be read"):
        open_again(tmp_path)


def test_a_witness_that_lost_its_second_key_does_not_make_another(tmp_path: Path) -> None:
    first = open_again(tmp_path)
    first.add_checkpoint(LOG.request(0, 3))
    first.close()
    (tmp_path / "keys" / "witness-ml-dsa.pem").unlink()
    with pytest.raises(UnusableKey, match="cannot be read"):
        open_again(tmp_path)


def test_a_witness_of_before_gets_a_second_key_and_remembers_what_it_cosigned(tmp_path: Path) -> None:
    first = open_again(tmp_path)
    first.add_checkpoint(LOG.request(0, 3))
    first.close()
    (state,) = tmp_path.glob("logs/*/checkpoint")
    *before, _ = state.read_bytes().splitlines(keepends=True)  # earlier versions cosigned with Ed25519 alone
    state.write_bytes(b"".join(before))
    (tmp_path / "keys" / "witness-ml-dsa.pem").unlink()
    again = open_again(tmp_path)
    assert again.key == first.key
    assert again.add_checkpoint(FORK.request(3, 5)).status == 422
    assert len(again.add_checkpoint(LOG.request(3, 5)).body().splitlines()) == 2
    again.close()


def test_damaged_state_is_not_taken_for_none(tmp_path: Path) -> None:
    first = open_again(tmp_path)
    first.add_checkpoint(LOG.request(0, 3))
    (state,) = tmp_path.glob("logs/*/checkpoint")
    state.write_bytes(state.read_bytes().replace(b"\n3\n", b"\n2\n"))
    with pytest.raises(StoreCorrupt, match="not what this witness has cosigned"):
        first.add_checkpoint(LOG.request(2, 5))
    first.close()


def test_the_file_of_logs_names_the_line_that_is_wrong() -> None:
    assert read_logs(f"# ours\n\n{LOG_KEY}\n".encode()) == {ORIGIN: (LOG_KEY,)}
    with pytest.raises(SettingsInvalid, match="line 2"):
        read_logs(f"{LOG_KEY}\nnonsense\n".encode())
    with pytest.raises(SettingsInvalid, match="not the key of a log"):
        read_logs(str(VerifierKey("w", 4, LOG_KEY.public)).encode())
    with pytest.raises(SettingsInvalid, match=r"line 1.*255 bytes"):
        read_logs(str(VerifierKey("l" * 256, ED25519, LOG_KEY.public)).encode())


# The process


@contextmanager
def process(folder: Path, port: int, *, end: signal.Signals) -> Iterator[str]:
    """`python -m api witness`; yields its address once it answers, and ends it with a signal."""
    running = subprocess.Popen(
        [sys.executable, "-m", "api", "witness"], cwd=ROOT, env=environment(folder, port), stderr=subprocess.PIPE
    )
    url = f"http://127.0.0.1:{port}"
    try:

        def answers() -> bool:
            assert running.poll() is None, running.stderr and running.stderr.read()
            with suppress(httpx2.HTTPError):
                return bool(httpx2.get(f"{url}/x/checkpoint").status_code)
            return False

        eventually(answers)
        yield url
    finally:
        running.send_signal(end)
        running.communicate(timeout=HUNG_SECONDS)


def environment(folder: Path, port: int) -> dict[str, str]:
    return os.environ | {
        "COUNTERMARK_WITNESS_NAME": "w.example/1",
        "COUNTERMARK_WITNESS_FOLDER": str(folder / "witness"),
        "COUNTERMARK_WITNESS_LOGS": str(folder / "logs"),
        "COUNTERMARK_WITNESS_KEY_PASSPHRASE": PASSPHRASE.decode(),
        "COUNTERMARK_WITNESS_PORT": str(port),
    }


@pytest.fixture
def port() -> Iterator[int]:
    with kept_port() as port:
        yield port


@pytest.mark.timing
def test_an_operator_runs_a_witness_which_remembers_even_when_it_is_killed(tmp_path: Path, port: int) -> None:
    (tmp_path / "logs").write_text(f"{LOG_KEY}\n")
    shown = subprocess.run(
        [sys.executable, "-m", "api", "witness", "key"],
        cwd=ROOT,
        env=environment(tmp_path, port),
        capture_output=True,
        text=True,
        check=True,
    )
    vkeys = [VerifierKey.parse(line) for line in shown.stdout.splitlines()]
    with process(tmp_path, port, end=signal.SIGKILL) as url:
        answer = httpx2.post(f"{url}/add-checkpoint", content=LOG.request(0, 3))
        for vkey, line in zip(vkeys, answer.text.splitlines(), strict=True):
            vkey.verify(LOG.text(3).decode(), base64.b64decode(line.split()[2])[4:])
    with process(tmp_path, port, end=signal.SIGTERM) as url:
        assert httpx2.post(f"{url}/add-checkpoint", content=LOG.request(0, 5)).text == "3\n"


def test_settings_that_cannot_be_used_are_named_in_one_line(tmp_path: Path) -> None:
    values = environment(tmp_path, 0) | {"COUNTERMARK_WITNESS_KEY_PASSPHRASE": "short"}
    done = subprocess.run(
        [sys.executable, "-m", "api", "witness"], cwd=ROOT, env=values, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "COUNTERMARK_WITNESS_KEY_PASSPHRASE" in done.stderr
    assert done.stderr.count("\n") == 1
    values = environment(tmp_path, 0)
    done = subprocess.run(
        [sys.executable, "-m", "api", "witness"], cwd=ROOT, env=values, capture_output=True, text=True
    )
    assert (done.returncode, "COUNTERMARK_WITNESS_LOGS" in done.stderr) == (2, True)
