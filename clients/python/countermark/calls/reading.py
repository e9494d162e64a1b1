"""Calls that read what is registered: assets, their files and graphs, receipts, records."""

import hashlib
from collections.abc import Mapping
from typing import Literal

from countermark import models
from countermark.calls.call import Call, Reply, get, get_file, identity_of, model
from provenance.errors import MalformedReceipt, UnexpectedAnswer
from provenance.limits import MAX_PAGE_ITEMS

ReceiptFormat = Literal["countermark", "tlog-proof", "cose"]
"""Countermark's own, a C2SP tlog-proof, or a transparent statement with a COSE receipt (RFC 9942, 9943)."""

RECEIPT_TYPES: Mapping[ReceiptFormat, str] = {
    "countermark": "application/vnd.countermark.receipt+json",
    "tlog-proof": "text/plain",
    "cose": "application/cose",
}
Visibility = Literal["public", "sealed"]
GraphForm = Literal["jsonld", "svg"]
GRAPH_FORMS: Mapping[GraphForm, str] = {"jsonld": "application/ld+json", "svg": "image/svg+xml"}


def asset(asset_id: str) -> Call[models.AssetInFull]:
    return get(f"/v1/assets/{identity_of(asset_id)}", model(models.AssetInFull))


def assets(
    publisher: str | None, sha256: str | None, cursor: str | None, visibility: Visibility = "public"
) -> Call[models.Assets]:
    """A page of registrations, newest first; `cursor` is `next_cursor` of the previous page."""
    read_page = model(models.Assets)

    def read(reply: Reply) -> models.Assets:
        page = read_page(reply)
        if page.next_cursor is not None and (not page.items or page.next_cursor == cursor):
            raise UnexpectedAnswer("the list of registrations repeats a page")
        return page

    asked = {"publisher": publisher, "sha256": sha256, "cursor": cursor, "limit": str(MAX_PAGE_ITEMS)}
    if visibility != "public":
        asked["visibility"] = visibility
    return get("/v1/assets", read, query={name: value for name, value in asked.items() if value is not None})


def history(asset_id: str) -> Call[models.History]:
    return get(f"/v1/assets/{identity_of(asset_id)}/history", model(models.History))


def graph(asset_id: str) -> Call[models.Graph]:
    return get(f"/v1/assets/{identity_of(asset_id)}/graph", model(models.Graph), query={"format": "json"})


def graph_as(asset_id: str, form: GraphForm) -> Call[bytes]:
    path, media_type = f"/v1/assets/{identity_of(asset_id)}/graph", GRAPH_FORMS[form]
    return get_file(path, media_type, query={"format": form})


def receipt(asset_id: str, form: ReceiptFormat) -> Call[bytes]:
    """The receipt is not verified, but it parses in the requested format, and is for this record."""
    from provenance.receipts.other_formats import parse_any_receipt, receipt_statement  # nothing else needs it

    identity = identity_of(asset_id)
    read_file = get_file("", RECEIPT_TYPES[form]).read

    def read(reply: Reply) -> bytes:
        data = read_file(reply)
        try:
            found = receipt_statement(parse_any_receipt(data)).record_id.hex()
        except MalformedReceipt as error:
            raise UnexpectedAnswer(f"the answer is not a receipt: {error}") from error
        if found != identity:
            raise UnexpectedAnswer(f"the answer is the receipt of another record, {found}")
        return data

    return get(f"/v1/records/{identity}/receipt", read, query={"format": form})


def credentialed(asset_id: str, public: bool) -> Call[bytes]:
    query = {"copy": "public"} if public else None
    return get_file(f"/v1/assets/{identity_of(asset_id)}/credentialed", "image/", query=query)


def manifest(asset_id: str) -> Call[bytes]:
    return get_file(f"/v1/assets/{identity_of(asset_id)}/manifest", "application/c2pa")


def thumbnail(asset_id: str) -> Call[bytes]:
    return get_file(f"/v1/assets/{identity_of(asset_id)}/thumbnail", "image/webp")


def record(record_id: str) -> Call[bytes]:
    identity = identity_of(record_id)

    def read(reply: Reply) -> bytes:
        if hashlib.sha256(reply.body).hexdigest() != identity:
            raise UnexpectedAnswer("the answer is not the record: its SHA-256 differs")
        return reply.body

    return get(f"/v1/records/{identity}", read)
