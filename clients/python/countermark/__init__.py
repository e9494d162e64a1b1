"""Countermark: register pictures, verify them, check receipts with no service.

    with Client("https://registry.example", api_key=KEY) as client:
        asset = client.register("picture.jpg", title="Path below the Picos de Europa")
        report = client.verify("copy.jpg")
        print(report.headline.text)

    verify_receipt("picture.countermark", "picture.jpg")     # no network
"""

from countermark.async_client import AsyncClient
from countermark.client import Client
from countermark.models import Asset, Event, RegisteredAsset, Report, Withdrawal
from countermark.receipts import verify_receipt
from provenance.errors import (
    Conflict,
    CountermarkError,
    IdempotencyConflict,
    InvalidRequest,
    MalformedReceipt,
    MediaError,
    MediaTooLarge,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    PayloadTooLarge,
    RateLimited,
    ServiceError,
    ServiceUnreachable,
    StoreUnavailable,
    UndecodableMedia,
    UnexpectedAnswer,
    UnsupportedMedia,
)

__version__ = "0.1.0"

__all__ = [
    "Asset",
    "AsyncClient",
    "Client",
    "Conflict",
    "CountermarkError",
    "Event",
    "IdempotencyConflict",
    "InvalidRequest",
    "MalformedReceipt",
    "MediaError",
    "MediaTooLarge",
    "NotAuthenticated",
    "NotFound",
    "NotPermitted",
    "PayloadTooLarge",
    "RateLimited",
    "RegisteredAsset",
    "Report",
    "ServiceError",
    "ServiceUnreachable",
    "StoreUnavailable",
    "UndecodableMedia",
    "UnexpectedAnswer",
    "UnsupportedMedia",
    "Withdrawal",
    "verify_receipt",
]
