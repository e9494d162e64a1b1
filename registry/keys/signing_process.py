"""A signer behind a program of the operator: how a key service (a cloud's KMS, a smart card) is connected.

The program is started once and kept. It reads requests from standard input and writes answers to standard output, each
one line of JSON; docs/reference/signer-protocol.md is the whole protocol, with an adapter of 30 lines. The key stays
where the program has it: only messages and signatures pass.
"""

import json
import os
import selectors
import shlex
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from provenance.errors import SettingsInvalid, SignatureInvalid, SignerUnavailable, UnusableKey
from provenance.limits import MAX_SIGNER_LINE_BYTES
from provenance.statement.encodings import decode_base64url, encode_base64url
from provenance.statement.keys import Algorithm, PublicKey

SCHEME = "exec:"

ANSWER_SECONDS = 15.0
"""Seconds that one answer may take: a call over a network, its retries included."""


class ProcessSigner:
    """A signer that sends requests to a program. Thread-safe; a program that ended is restarted, once a signature."""

    def __init__(self, uri: str) -> None:
        """Start the program and ask for its public key.

        Args:
            uri: `exec:` and a command line, without a shell: `exec:/usr/local/bin/kms-signer --key log`.

        Raises:
            SettingsInvalid: no command line.
            SignerUnavailable: the program does not start or answer.
            UnusableKey: the key is neither Ed25519 nor P-256.
        """
        try:
            self._command = shlex.split(uri.removeprefix(SCHEME))
        except ValueError as error:
            raise SettingsInvalid(f"not a command line: {error}") from error
        if not uri.startswith(SCHEME) or not self._command:
            raise SettingsInvalid("a signer's program is named as exec:/path/to/program and its arguments")
        self._lock = threading.Lock()
        # Under _lock:
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = 0
        with self._lock:
            try:
                self._public_key = self._ask_public_key()
            except BaseException:
                self._disconnect()
                raise

    @property
    def public_key(self) -> PublicKey:
        """The key under which signatures verify."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """64 bytes, verified under `public_key` before they are returned. Raises SignerUnavailable."""
        with self._lock:
            try:
                answer = self._ask("sign", message=encode_base64url(message))
            except SignerUnavailable:
                if self._process is not None:  # the program refuses to sign
                    raise
                if self._ask_public_key() != self._public_key:
                    raise SignerUnavailable("the signer's program has another key since it was restarted") from None
                answer = self._ask("sign", message=encode_base64url(message))
        signature = _bytes(answer, "signature")
        try:
            self._public_key.verify(signature, message)
        except SignatureInvalid as error:
            raise SignerUnavailable(f"the signer's program does not sign with the key it names: {error}") from error
        return signature

    def close(self) -> None:
        """End the program."""
        with self._lock:
            self._disconnect()

    def _ask_public_key(self) -> PublicKey:
        answer = self._ask("public_key")
        names = {algorithm.value: algorithm for algorithm in Algorithm}
        algorithm = names.get(str(answer.get("algorithm")))
        if algorithm is None:
            raise UnusableKey(f"the key of the signer's program is not {' or '.join(names)}")
        return PublicKey(algorithm, _bytes(answer, "public_key"))

    def _ask(self, operation: str, **parameters: str) -> Mapping[str, Any]:
        self._asked += 1
        request = json.dumps({"id": self._asked, "op": operation, **parameters}).encode() + b"\n"
        process = self._running()
        try:
            assert process.stdin is not None  # noqa: S101  # a pipe
            process.stdin.write(request)
            answer = json.loads(_line(process))
        except (OSError, ValueError, RecursionError) as error:
            self._disconnect()
            raise SignerUnavailable(f"the signer's program does not answer: {error}") from error
        if not isinstance(answer, dict) or answer.get("id") != self._asked:
            self._disconnect()
            raise SignerUnavailable("the signer's program answered another request")
        if "error" in answer:
            raise SignerUnavailable(f"the signer's program refuses: {str(answer['error'])[:200]}")
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            passed = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERMARK_")}
            try:
                self._process = subprocess.Popen(  # noqa: S603  # the operator's own setting
                    self._command,
                    bufsize=0,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=passed,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                raise SignerUnavailable(f"the signer's program does not start: {error}") from error
        return self._process

    def _disconnect(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
            process.wait()


def _line(process: subprocess.Popen[bytes]) -> bytes:
    """The program's next line. Raises OSError if the program has ended, or if the line is late or too long."""
    assert process.stdout is not None  # noqa: S101  # a pipe
    deadline, line = time.monotonic() + ANSWER_SECONDS, b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise OSError(f"no answer within {ANSWER_SECONDS:g} s")
            chunk = os.read(process.stdout.fileno(), MAX_SIGNER_LINE_BYTES)
            line += chunk
            if not chunk or len(line) > MAX_SIGNER_LINE_BYTES:
                raise OSError("it has ended" if not chunk else "its answer is too long")
    return line


def _bytes(answer: Mapping[str, Any], name: str) -> bytes:
    text = answer.get(name)
    if not isinstance(text, str):
        raise SignerUnavailable(f"the answer of the signer's program has no {name}")
    try:
        return decode_base64url(text)
    except ValueError as error:
        raise SignerUnavailable(f"{name} in the answer of the signer's program: {error}") from error
