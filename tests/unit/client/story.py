"""A service on loopback that answers as a test tells it to, and remembers what it was asked."""

import hashlib
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.receipt_vectors import RECEIPT, RECORD
from tests.replies import Answer, listening, says

VERIFICATION = "7f" * 16
PICTURE = b"\xff\xd8 not much of a picture"
PICTURE_SHA256 = hashlib.sha256(PICTURE).hexdigest()


@dataclass(frozen=True)
class Asked:
    """A request, as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Service:
    """Its answers are given in their order, the last one again and again."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def will(self, *answers: Answer) -> None:
        self.answers[:] = answers

    def next(self, asked: Asked) -> Answer:
        with self.lock:
            self.asked.append(asked)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def running() -> Iterator[Service]:
    def take(handler: BaseHTTPRequestHandler) -> None:
        unread = getattr(service.answers[0], "unread", False)
        body = b"" if unread else handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        service.next(Asked(handler.command, handler.path, dict(handler.headers), body))(handler)

    with listening(take) as url:
        service = Service(url)
        yield service


def asset(**values: object) -> dict[str, Any]:
    media = {
        "sha256": PICTURE_SHA256,
        "size": len(PICTURE),
        "media_type": "image/jpeg",
        "width": 640,
        "height": 480,
        "pixels_sha256": "ab" * 32,
    }
    return {
        "id": RECORD,
        "record_id": f"urn:countermark:record:{RECORD}",
        "type": "asset.registered",
        "index": 7,
        "state": "published",
        "visibility": "public",
        "logged_at": "2026-05-04T09:30:00.123Z",
        "claimed_at": "2026-05-04T09:29:59Z",
        "publisher": {
            "id": "daily",
            "name": "The Daily",
            "identity": {"established": "operator-attested", "detail": "letter seen"},
            "key": "cd" * 32,
        },
        "standing": {"value": "current", "detail": "Nothing was logged against it."},
        "title": "Path below the Picos de Europa",
        "caption": None,
        "credit": None,
        "byline": None,
        "rights": None,
        "from_file": [],
        "licence": None,
        "digital_source_type": None,
        "captured_at": None,
        "media": media,
        "credential": None,
        "parents": [],
        "rendition_of": None,
        "links": {
            "self": f"/v1/assets/{RECORD}",
            "page": f"/a/{RECORD}",
            "record": f"/v1/records/{RECORD}",
            "receipt": f"/v1/assets/{RECORD}/receipt",
            "history": f"/v1/assets/{RECORD}/history",
            "graph": f"/v1/assets/{RECORD}/graph",
            "thumbnail": f"/v1/assets/{RECORD}/thumbnail",
            "credentialed": None,
            "manifest": None,
        },
    } | values


def dispute(**values: object) -> dict[str, Any]:
    return {
        "id": RECORD,
        "record_id": f"urn:countermark:record:{RECORD}",
        "index": 9,
        "state": "published",
        "logged_at": "2026-05-04T09:40:00Z",
        "record": "6f" * 32,
        "publisher": asset()["publisher"],
        "reason": "It is ours.",
        "counterclaim": None,
        "open": True,
        "answers": [],
    } | values


def uploaded() -> Answer:
    return says({"sha256": PICTURE_SHA256, "size": len(PICTURE), "media_type": "image/jpeg"}, 201)


def registered(status: int = 201, **values: object) -> Answer:
    metadata = {"held": [], "public_copy": "none", "reason": None}
    return says(asset(receipt={"format": "countermark-receipt"}, metadata=metadata, **values), status)


def receipt() -> Answer:
    """The receipt of `RECORD`."""
    return says(RECEIPT, media_type="application/vnd.countermark.receipt+json")


def report(registration: str = "EXACT_MATCH", *, title: str = "Path below the Picos", **axes: str) -> dict[str, Any]:
    """A report with one match; `axes` changes the value of others."""
    values = {
        "registration": registration,
        "credential": "ABSENT",
        "declared_origin": "NONE_FOUND",
        "proof": "PUBLISHED",
        "assessment": "NOT_ASSESSED",
    } | axes
    box = {"left": 0.25, "top": 0.5, "right": 0.75, "bottom": 1.0}
    return {
        "id": VERIFICATION,
        "created_at": "2026-05-04T09:31:00Z",
        "kept_until": "2026-06-03T09:31:00Z",
        "input": {
            "sha256": PICTURE_SHA256,
            "size": len(PICTURE),
            "media_type": "image/jpeg",
            "width": 640,
            "height": 480,
            "frames": 1,
        },
        "headline": {
            "code": registration,
            "text": "These bytes are record 7, registered by The Daily.",
            "wordings": [
                {
                    "language": language,
                    "title": "An exact match",
                    "warning": None,
                    "lead": "These bytes are record 7, registered by The Daily.",
                    "remarks": [],
                    "vouched": None,
                    "ai": "AI: the file declares nothing; no detection was run.",
                    "measured": None,
                }
                for language in ("en", "de")
            ],
        },
        "axes": {name: {"value": value, "summary": f"A sentence about {name}."} for name, value in values.items()},
        "matches": [
            {
                "asset": asset(title=title),
                "value": "EXACT_MATCH",
                "basis": "bytes",
                "signed_copy": False,
                "standing": {"value": "current", "detail": "Nothing was logged against it."},
                "proof": {
                    "value": values["proof"],
                    "index": 7,
                    "tree_size": 8,
                    "checkpoint": "log.example\n8\nAAAA\n",
                    "steps": [{"number": 1, "name": "Receipt well-formed", "outcome": "holds", "detail": "it is"}],
                    "chain": [],
                },
                "comparison": {
                    "transform": {
                        "mirrored": False,
                        "rotation_degrees": 0.0,
                        "scale": 1.0,
                        "crop": box,
                        "homography": [1, 0, 0, 0, 1, 0, 0, 0, 1],
                    },
                    "regions": [
                        {
                            "kind": "differs",
                            "query": box,
                            "reference": box,
                            "area": 0.2,
                            "strength": 0.9,
                            "seen_with": ["sketch"],
                        },
                    ],
                    "colour_changed": False,
                    "similarity": 0.98,
                    "agreement": 0.97,
                    "inverted": False,
                    "inliers": 210,
                    "method": "countermark-comparison-5",
                    "reference": "sketch",
                    "smallest_area": 0.0015,
                },
                "difference_url": None,
                "sources": [],
            }
        ],
        "credential": None,
        "marks": [],
        "findings": [
            {
                "axis": "registration",
                "code": registration,
                "summary": "These bytes are record 7.",
                "basis": "cryptographic",
                "could_be_forged_by": "Nobody without breaking SHA-256.",
                "does_not_show": "Who made the picture, or whether what it shows happened.",
                "method": "sha-256",
                "error_rates": [],
            }
        ],
        "resembles": None,
        "older_registration": None,
        "not_checked": [{"what": "invisible watermarks", "why": "no open decoder exists"}],
        "searched": {"registrations": 8, "fingerprints": ["sha-256"]},
        "links": {"self": f"/v1/verifications/{VERIFICATION}"},
    }


@contextmanager
def hearing_ctrl_c() -> Iterator[None]:
    """What is started within this hears Ctrl-C, also where these tests run in the background and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
