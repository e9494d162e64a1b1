"""Calls about the log, and about the service itself."""

from collections.abc import Sequence

from countermark import models
from countermark.calls.call import READS, Call, Reply, get, get_file, model
from countermark.content import Content
from provenance.errors import UnexpectedAnswer
from provenance.limits import MAX_RECORD_BYTES


def log_statements(statements: Sequence[bytes], proofs: bool) -> Call[models.LoggedStatements]:
    content = Content.of(b"".join(statements))
    headers = {"Content-Type": "application/cbor-seq"}
    query = {"proofs": str(proofs).lower()}
    return Call("POST", "/v1/statements", model(models.LoggedStatements), content=content, headers=headers, query=query)


def log_keys() -> Call[models.LogKeys]:
    return get("/log/keys", model(models.LogKeys))


def checkpoint() -> Call[bytes]:
    return get_file("/log/checkpoint", "text/plain")


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
    return get("/.well-known/countermark.json", model(models.ServiceDescription))


def ready() -> Call[models.Readiness]:
    return get("/readyz", model(models.Readiness))
