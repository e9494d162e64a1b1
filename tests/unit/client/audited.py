"""A service on loopback that answers look-ups as a test tells it to, and the files that tests audit with it."""

import hashlib
import io
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from countermark.audit import AuditedItem, AuditPolicy, Options, Sources, audit

from provenance.receipts.receipt import Receipt
from tests.receipt_vectors import RECEIPT, RECORD
from tests.replies import Answer, listening, refuses, says
from tests.unit.client.story import report

REGISTERED = str(getattr(Receipt.parse(RECEIPT).subject.parsed_record, "media").sha256.hex())  # noqa: B009
"""Digest of the file that `RECEIPT` is about."""
CHECKPOINT = Receipt.parse(RECEIPT).subject.proof.checkpoint.decode()
LOG_KEY = str(json.loads(RECEIPT)["log_key"])


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def match(**values: object) -> dict[str, Any]:
    """A match of a look-up, of `RECORD`."""
    return {
        "record": RECORD,
        "index": 7,
        "publisher": "daily",
        "basis": "bytes",
        "distance": None,
        "standing": "current",
        "older": None,
        "compared": True,
    } | values


@dataclass
class Registry:
    """What it knows by digest; `answers` are given before that, in their order, to any request.

    Attributes:
        known: matches by SHA-256 in hex.
        reports: what a verification is answered, by SHA-256.
        receipts: by record.
        asked: method and path of each request, and how many files it was about.
        looked_up, sent: digests, in the order in which they were asked for.
        questions: what look-ups were asked, item by item.
        headers: of answers to look-ups.
    """

    url: str = ""
    known: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    reports: dict[str, Answer] = field(default_factory=dict)
    receipts: dict[str, bytes] = field(default_factory=lambda: {RECORD: RECEIPT})
    answers: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    checkpoint: str = CHECKPOINT
    headers: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        path = handler.path.removeprefix("http://registry.example")  # as a proxy is asked
        with self.lock:
            answer = self.answers.pop(0) if self.answers else self._answer(path, body)
            self.asked.append(f"{handler.command} {path}")
        answer(handler)

    def _answer(self, path: str, body: bytes) -> Answer:
        if path == "/v1/lookups":
            items = json.loads(body)["items"]
            digests = [item["sha256"] for item in items]
            self.looked_up, self.questions = self.looked_up + digests, self.questions + items
            items = [{"sha256": each, "matches": self.known.get(each, []), "more": False} for each in digests]
            return says({"items": items, "checkpoint": self.checkpoint}, **self.headers)
        if path == "/v1/verifications":
            self.sent.append(sha256(body))
            return self.reports.get(sha256(body)) or says(reported(body, "NO_MATCH_FOUND", matches=[]))
        if path.startswith("/v1/records/"):
            receipt = self.receipts.get(path.split("/")[3])
            if receipt is None:
                return refuses("not-found", 404)
            return says(receipt, media_type="application/vnd.countermark.receipt+json")
        return refuses("not-found", 404)


def reported(data: bytes, registration: str, code: str | None = None, **values: object) -> dict[str, Any]:
    """A report about a file."""
    told = report(registration) | values
    told["input"] = told["input"] | {"sha256": sha256(data)}
    told["headline"] = {"code": code or registration, "text": "A headline."}
    return told


@contextmanager
def registry() -> Iterator[Registry]:
    service = Registry()
    with listening(lambda handler: service.take(handler)) as url:  # a method would be bound to the handler
        service.url = url
        yield service


def run_audit(
    service: Registry,
    sources: Sources | Sequence[str | os.PathLike[str]],
    out: Path,
    *,
    log_keys: Sequence[str] = (),
    tell: Callable[[str], None] = lambda line: None,
    **options: Any,
) -> list[AuditedItem]:
    """The items of an audit without decoders, on one process."""
    policy = options.pop("policy", AuditPolicy(log_keys=tuple(log_keys)))
    asked = Options(**{"url": service.url, "jobs": 1, "pictures": False, "policy": policy} | options)
    return list(audit(sources, out, asked, tell=tell))


def digest_list(lines: Mapping[str, str]) -> Sources:
    """A list as sha256sum writes it, of digests by name."""
    text = "".join(f"{digest}  {name}\n" for name, digest in lines.items())
    return Sources(digests=[io.BytesIO(text.encode())])
