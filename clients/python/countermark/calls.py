"""Calls: each request to a service as a value, for the synchronous and the asynchronous client.

This module does no I/O: a `Call` is the request and the function that reads the reply; a `Reply` is a response.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Generic, Literal, TypeVar

from countermark import models
from countermark.claims import Claims
from countermark.content import Content, Progress
from countermark.digests import Digests
from countermark.keys import KeyAlgorithm, OwnKey
from provenance.errors import InvalidRequest, MalformedReceipt, MediaTooLarge, UnexpectedAnswer, WrongService
from provenance.limits import (
    FINGERPRINT_UNITS,
    MAX_ANSWER_BYTES,
    MAX_ANSWERED_MEDIA_BYTES,
    MAX_LOOKUPS,
    MAX_MEDIA_BYTES,
    MAX_PAGE_ITEMS,
    MAX_RECORD_BYTES,
    REPORT_UNITS,
)

ReceiptFormat = Literal["countermark", "tlog-proof", "cose"]
"""Countermark's own, a C2SP tlog-proof, or a transparent statement with a COSE receipt (RFC 9942, 9943)."""

RECEIPT_TYPES: Mapping[ReceiptFormat, str] = {
    "countermark": "application/vnd.countermark.receipt+json",
    "tlog-proof": "text/plain",
    "cose": "application/cose",
}
T = TypeVar("T")

READS, LOOKUPS = "reads", "lookups"
"""Names of rate policies."""

Outcome = Literal["accepted", "rejected", "retracted"]
Visibility = Literal["public", "sealed"]
GraphForm = Literal["jsonld", "svg"]
GRAPH_FORMS: Mapping[GraphForm, str] = {"jsonld": "application/ld+json", "svg": "image/svg+xml"}

_REQUEST_ID = re.compile(r"[!-~]{1,200}")
_RECORD = re.compile(r"(?:urn:countermark:record:)?([0-9a-f]{64})")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_VERIFICATION = re.compile(r"[0-9a-f]{32}")
_NAMED = re.compile(r"/(?:[0-9a-f]{32,64}|publishers/[a-z0-9-]+)(?:/|$)")
_PUBLISHER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True)
class Reply:
    """A response: status, headers (looked up in any case), body, and the URL of the service that sent it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    service: str = "this URL"

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        """Without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def request_id(self) -> str | None:
        """The request id, by which the operator finds the request in the log; None without a valid one."""
        stated = self.headers.get("x-request-id", "")
        return stated if _REQUEST_ID.fullmatch(stated) else None


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, with all its retries.

    Attributes:
        read: makes the answer from the reply; raises UnexpectedAnswer.
        content: the body, read again for each attempt.
        progress: called while the body is sent.
        limit: maximum bytes of the response.
        missing: unsuccessful statuses that `read` accepts: there is no such resource.
        policy: name of the rate policy that it counts for, with so many `units`; None for none.
    """

    method: str
    path: str
    read: Callable[[Reply], T]
    content: Content | None = None
    progress: Progress | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    limit: int = MAX_ANSWER_BYTES
    missing: frozenset[int] = frozenset()
    policy: str | None = None
    units: int = 1

    @property
    def names_something(self) -> bool:
        """Whether the path names a resource, by its id or slug."""
        return _NAMED.search(self.path) is not None

    def is_answered(self, reply: Reply) -> bool:
        """Whether the reply is for `read`, and not an error."""
        return reply.is_success or reply.status in self.missing

    def answer(self, reply: Reply) -> T:
        """The answer in a reply. Raises UnexpectedAnswer, with the `request_id`."""
        try:
            return self.read(reply)
        except UnexpectedAnswer as error:
            error.request_id = reply.request_id
            raise


# Registering ------------------------------------------------------------------------------------


def upload(file: Content, sha256: str, progress: Progress | None) -> Call[models.UploadedMedia]:
    return Call(
        "PUT",
        f"/v1/media/{sha256}",
        _model(models.UploadedMedia),
        content=_picture(file),
        progress=progress,
        headers={"Content-Type": "application/octet-stream"},
    )


def register(sha256: str, claims: Claims) -> Call[models.RegisteredAsset]:
    read_asset = _model(models.RegisteredAsset)

    def read(reply: Reply) -> models.RegisteredAsset:
        asset = read_asset(reply)
        if asset.media.sha256 != sha256:
            raise UnexpectedAnswer("the answer to the registration is about another picture")
        return replace(asset, created=reply.status == 201)

    return _post("/v1/assets", {"media": sha256, "metadata": _metadata(claims)}, read, once=True)


def _metadata(claims: Claims) -> dict[str, object]:
    """The claims as a registration's `metadata`.

    Raises:
        InvalidRequest: a time without a zone.
        TypeError: an unknown claim, as for any unknown argument.
    """
    unknown = claims.keys() - Claims.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no claim named {', '.join(sorted(unknown))}")
    return {name: _plain(value) for name, value in claims.items() if value is not None}


def _plain(value: object) -> object:
    match value:
        case datetime() if value.tzinfo is None:
            raise InvalidRequest("captured_at needs a time zone")
        case datetime():
            try:
                return value.astimezone(UTC).isoformat()
            except OverflowError as error:
                raise InvalidRequest("captured_at cannot be expressed in UTC") from error
        case models.Parent():
            return asdict(value)
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def withdraw(asset_id: str, reason: str) -> Call[models.Withdrawal]:
    body = {"record": _record(asset_id), "reason": reason}
    return _post("/v1/withdrawals", body, _model(models.Withdrawal), once=True)


def log_statements(statements: Sequence[bytes], proofs: bool) -> Call[models.LoggedStatements]:
    content = Content.of(b"".join(statements))
    headers = {"Content-Type": "application/cbor-seq"}
    query = {"proofs": str(proofs).lower()}
    return Call(
        "POST", "/v1/statements", _model(models.LoggedStatements), content=content, headers=headers, query=query
    )


def reveal(asset_id: str) -> Call[models.Asset]:
    return _post(f"/v1/assets/{_record(asset_id)}/reveal", {}, _model(models.Asset))


def erase(asset_id: str, reason: str) -> Call[models.Erasure]:
    return _post(f"/v1/assets/{_record(asset_id)}/erasure", {"reason": reason}, _model(models.Erasure))


def erasure(asset_id: str) -> Call[models.Erasure]:
    return _get(f"/v1/assets/{_record(asset_id)}/erasure", _model(models.Erasure))


# Disputing --------------------------------------------------------------------------------------


def dispute(asset_id: str, reason: str, counterclaim: str | None, publisher: str | None) -> Call[models.Dispute]:
    body = {
        "record": _record(asset_id),
        "reason": reason,
        "counterclaim": None if counterclaim is None else _record(counterclaim),
        "publisher": publisher,
    }
    return _post("/v1/disputes", body, _model(models.Dispute), once=True)


def answer_dispute(dispute_id: str, outcome: Outcome, reason: str, publisher: str | None) -> Call[models.Dispute]:
    body = {"outcome": outcome, "reason": reason, "publisher": publisher}
    return _post(f"/v1/disputes/{_record(dispute_id)}/answers", body, _model(models.Dispute), once=True)


def disputes(asset_id: str) -> Call[models.Disputes]:
    return _get("/v1/disputes", _model(models.Disputes), query={"record": _record(asset_id)})


def record_verdict(verification_id: str) -> Call[models.RecordedVerdict]:
    return _post(f"{_verification(verification_id)}/record", {}, _model(models.RecordedVerdict))


# Verifying --------------------------------------------------------------------------------------


def verify(
    file: Content, progress: Progress | None, full_detail: bool = False, keep: bool = False
) -> Call[models.Report]:
    return Call(
        "POST",
        "/v1/verifications",
        _report,
        query=({"detail": "full"} if full_detail else {}) | _keeping(keep),
        content=_picture(file),
        progress=progress,
        headers={"Content-Type": "application/octet-stream"},
        policy="verifications",
    )


def verify_digests(sha256: str, pdq: tuple[str, int] | None, keep: bool = False) -> Call[models.Report]:
    body: dict[str, object] = {"sha256": _sha256(sha256)}
    if pdq is not None:
        body["pdq"] = {"value": pdq[0], "quality": pdq[1]}
    call = _post("/v1/verifications", body, _report)
    return replace(call, query=_keeping(keep), policy=LOOKUPS, units=REPORT_UNITS)


def _keeping(keep: bool) -> dict[str, str]:
    return {"keep": "true"} if keep else {}


def lookup(asked: Sequence[Digests | str]) -> Call[models.Lookups]:
    if not 1 <= len(asked) <= MAX_LOOKUPS:
        raise InvalidRequest(f"{len(asked):,} files at once: a lookup is of 1 to {MAX_LOOKUPS:,}")
    items = [each if isinstance(each, Digests) else Digests(each) for each in asked]
    read_lookups = _model(models.Lookups)

    def read(reply: Reply) -> models.Lookups:
        found = read_lookups(reply)
        if [each.sha256 for each in found.items] != [each.sha256 for each in items]:
            raise UnexpectedAnswer("the answer to a lookup is about other files, or in another order")
        return found

    units = sum(1 + FINGERPRINT_UNITS * sum(code is not None for code in (each.pdq, each.phash)) for each in items)
    call = _post("/v1/lookups", {"items": [_looked_up(each) for each in items]}, read)
    return replace(call, policy=LOOKUPS, units=units)


def _looked_up(digests: Digests) -> dict[str, object]:
    pdq = None if digests.pdq is None else {"value": digests.pdq[0], "quality": digests.pdq[1]}
    stated = asdict(digests) | {"sha256": _sha256(digests.sha256), "pdq": pdq}
    return {name: value for name, value in stated.items() if value is not None}


def report(verification_id: str) -> Call[models.Report]:
    return _get(_verification(verification_id), _report)


def _report(reply: Reply) -> models.Report:
    report = _model(models.Report)(reply)
    return replace(report, url=f"{reply.service.rstrip('/')}/verify?report={report.id}")


def difference(verification_id: str, record: str | None) -> Call[bytes]:
    of_record = "" if record is None else f"?record={_record(record)}"
    return _file(f"{_verification(verification_id)}/difference.png{of_record}", "image/png")


# Reading ----------------------------------------------------------------------------------------


def asset(asset_id: str) -> Call[models.AssetInFull]:
    return _get(f"/v1/assets/{_record(asset_id)}", _model(models.AssetInFull))


def assets(
    publisher: str | None, sha256: str | None, cursor: str | None, visibility: Visibility = "public"
) -> Call[models.Assets]:
    """A page of registrations, newest first; `cursor` is `next_cursor` of the previous page."""
    read_page = _model(models.Assets)

    def read(reply: Reply) -> models.Assets:
        page = read_page(reply)
        if page.next_cursor is not None and (not page.items or page.next_cursor == cursor):
            raise UnexpectedAnswer("the list of registrations repeats a page")
        return page

    asked = {"publisher": publisher, "sha256": sha256, "cursor": cursor, "limit": str(MAX_PAGE_ITEMS)}
    if visibility != "public":
        asked["visibility"] = visibility
    return _get("/v1/assets", read, query={name: value for name, value in asked.items() if value is not None})


def history(asset_id: str) -> Call[models.History]:
    return _get(f"/v1/assets/{_record(asset_id)}/history", _model(models.History))


def graph(asset_id: str) -> Call[models.Graph]:
    return _get(f"/v1/assets/{_record(asset_id)}/graph", _model(models.Graph), query={"format": "json"})


def graph_as(asset_id: str, form: GraphForm) -> Call[bytes]:
    path, media_type = f"/v1/assets/{_record(asset_id)}/graph", GRAPH_FORMS[form]
    return _file(path, media_type, query={"format": form})


def receipt(asset_id: str, form: ReceiptFormat) -> Call[bytes]:
    """The receipt is not verified, but it parses in the requested format, and is for this record."""
    from provenance.receipts.other_formats import parse_any_receipt, receipt_statement  # nothing else needs it

    identity = _record(asset_id)
    read_file = _file("", RECEIPT_TYPES[form]).read

    def read(reply: Reply) -> bytes:
        data = read_file(reply)
        try:
            found = receipt_statement(parse_any_receipt(data)).record_id.hex()
        except MalformedReceipt as error:
            raise UnexpectedAnswer(f"the answer is not a receipt: {error}") from error
        if found != identity:
            raise UnexpectedAnswer(f"the answer is the receipt of another record, {found}")
        return data

    return _get(f"/v1/records/{identity}/receipt", read, query={"format": form})


def credentialed(asset_id: str, public: bool) -> Call[bytes]:
    query = {"copy": "public"} if public else None
    return _file(f"/v1/assets/{_record(asset_id)}/credentialed", "image/", query=query)


def manifest(asset_id: str) -> Call[bytes]:
    return _file(f"/v1/assets/{_record(asset_id)}/manifest", "application/c2pa")


def thumbnail(asset_id: str) -> Call[bytes]:
    return _file(f"/v1/assets/{_record(asset_id)}/thumbnail", "image/webp")


def record(record_id: str) -> Call[bytes]:
    identity = _record(record_id)

    def read(reply: Reply) -> bytes:
        if hashlib.sha256(reply.body).hexdigest() != identity:
            raise UnexpectedAnswer("the answer is not the record: its SHA-256 differs")
        return reply.body

    return _get(f"/v1/records/{identity}", read)


def publishers() -> Call[models.Publishers]:
    return _get("/v1/publishers", _model(models.Publishers))


def publisher_keys(publisher_id: str) -> Call[models.PublisherKeys]:
    return _get(f"{_publisher(publisher_id)}/keys", _model(models.PublisherKeys))


# Publishers' keys -------------------------------------------------------------------------------


def add_key(
    publisher_id: str, action: str, key_algorithm: KeyAlgorithm, own: OwnKey | None, reason: str | None
) -> Call[models.PublisherKey]:
    body: dict[str, object] = {"action": action, "key_algorithm": key_algorithm}
    if own is not None:
        body["own"] = own.to_json()
    if reason is not None:
        body["reason"] = reason
    return _post(f"{_publisher(publisher_id)}/keys", body, _model(models.PublisherKey), once=True)


def revoke_key(
    publisher_id: str, thumbprint: str, reason: str, invalid_since: datetime | None
) -> Call[models.PublisherKey]:
    kid = _check_pattern(_DIGEST, thumbprint, "a thumbprint must have 64 lowercase hex digits")
    body: dict[str, object] = {"reason": reason}
    if invalid_since is not None:
        if invalid_since.tzinfo is None:
            raise InvalidRequest("invalid_since needs a time zone")
        body["invalid_since"] = invalid_since.isoformat()
    path = f"{_publisher(publisher_id)}/keys/{kid}/revocation"
    return _post(path, body, _model(models.PublisherKey), once=True)


# The log ----------------------------------------------------------------------------------------


def log_keys() -> Call[models.LogKeys]:
    return _get("/log/keys", _model(models.LogKeys))


def checkpoint() -> Call[bytes]:
    return _file("/log/checkpoint", "text/plain")


def public_record(record_id: bytes) -> Call[bytes | None]:
    """The bytes of a record, unchecked; None if it is withheld or unknown."""

    def read(reply: Reply) -> bytes | None:
        return reply.body if reply.is_success else None

    path = f"/v1/records/{record_id.hex()}"
    return Call("GET", path, read, limit=MAX_RECORD_BYTES, missing=frozenset({403, 404, 410}), policy=READS)


def log_file(path: str, limit: int) -> Call[bytes | None]:
    """A file of a C2SP log by its path below the log's URL; None if there is none."""

    def read(reply: Reply) -> bytes | None:
        if reply.is_success and reply.media_type == "text/html":
            raise UnexpectedAnswer(f"a web page instead of {path}")
        return reply.body if reply.is_success else None

    encodings = {"Accept-Encoding": "gzip, identity", "Accept": "*/*"}
    return Call("GET", f"/{path}", read, headers=encodings, limit=limit, missing=frozenset({404, 410}))


def service() -> Call[models.ServiceDescription]:
    return _get("/.well-known/countermark.json", _model(models.ServiceDescription))


def ready() -> Call[models.Readiness]:
    return _get("/readyz", _model(models.Readiness))


# Building calls ---------------------------------------------------------------------------------


def _publisher(publisher_id: str) -> str:
    name = _check_pattern(
        _PUBLISHER, publisher_id, "a publisher's id must have lowercase letters, digits and hyphens only"
    )
    return f"/v1/publishers/{name}"


def _get(path: str, read: Callable[[Reply], T], *, query: Mapping[str, str] | None = None) -> Call[T]:
    return Call("GET", path, read, query=query or {}, policy=READS)


def _post(path: str, body: Mapping[str, object], read: Callable[[Reply], T], *, once: bool = False) -> Call[T]:
    """`once`: the call has an Idempotency-Key, so that the service carries it out once, whatever the retries."""
    headers = {"Content-Type": "application/json"}
    if once:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    return Call("POST", path, read, content=Content.of(json.dumps(body).encode()), headers=headers)


def _file(path: str, media_type: str, *, query: Mapping[str, str] | None = None) -> Call[bytes]:
    """Bytes of this media type, or of any with this prefix."""

    def read(reply: Reply) -> bytes:
        if not reply.media_type.startswith(media_type):
            raise UnexpectedAnswer(f"the answer is not of type {media_type}")
        return reply.body

    return Call("GET", path, read, query=query or {}, limit=MAX_ANSWERED_MEDIA_BYTES, policy=READS)


def _model(kind: type[T]) -> Callable[[Reply], T]:
    def read(reply: Reply) -> T:
        if reply.media_type == "text/html":
            raise WrongService(f"{reply.service} is not a Countermark service: a web page instead of a {kind.__name__}")
        return models.read(kind, reply.body)

    return read


def _picture(file: Content) -> Content:
    if file.size > MAX_MEDIA_BYTES:
        raise MediaTooLarge(f"the file has {file.size:,} bytes; at most {MAX_MEDIA_BYTES:,} are accepted")
    return file


def record_digest(identity: str) -> bytes:
    """The 32-byte digest of a record from its hex form or URN. Raises InvalidRequest."""
    return bytes.fromhex(_record(identity))


def _record(identity: str) -> str:
    return _check_pattern(_RECORD, identity, "a record id must be 64 lowercase hex digits or a URN")


def _sha256(digest: str) -> str:
    return _check_pattern(_DIGEST, digest, "a SHA-256 must have 64 lowercase hex digits")


def _verification(identity: str) -> str:
    return f"/v1/verifications/{_check_pattern(_VERIFICATION, identity, 'a report id must be 32 lowercase hex digits')}"


def _check_pattern(pattern: re.Pattern[str], value: str, rule: str) -> str:
    """The value, or its one group, if it matches: no unchecked text becomes part of a path. Raises InvalidRequest."""
    match = pattern.fullmatch(value)
    if match is None:
        raise InvalidRequest(rule)
    return match[match.lastindex or 0]
