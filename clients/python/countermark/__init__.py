"""Countermark: register pictures, verify them, check receipts with no service.

    with Client("https://registry.example", api_key=KEY) as client:
        asset = client.register("picture.jpg", title="Path below the Picos de Europa")
        report = client.verify("copy.jpg")
        print(report.headline.text)

    verify_receipt("picture.countermark", "picture.jpg", log_keys=[LOG_KEY]).holds    # no network

What talks to a service is imported when it is first used: checking a receipt needs no HTTP.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from countermark.receipts import verify_receipt
from provenance.errors import (
    Conflict,
    CountermarkError,
    FrozenLog,
    IdempotencyConflict,
    InvalidRequest,
    MalformedReceipt,
    MalformedRequest,
    MediaError,
    MediaTooLarge,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Overloaded,
    PayloadTooLarge,
    RateLimited,
    RequestTimeout,
    ServiceError,
    ServiceFailed,
    ServiceUnreachable,
    StoreCorrupt,
    StoreUnavailable,
    UndecodableMedia,
    UnexpectedAnswer,
    UnsupportedMedia,
)
from provenance.transparency.receipt_verification import ReceiptReport

if TYPE_CHECKING:
    from countermark.async_client import AsyncClient
    from countermark.claims import Claims
    from countermark.client import Client
    from countermark.models import Asset, Event, Parent, RegisteredAsset, Report, Withdrawal
else:
    _MODULES = {"AsyncClient": "async_client", "Claims": "claims", "Client": "client"}
    _MODULES |= dict.fromkeys(("Asset", "Event", "Parent", "RegisteredAsset", "Report", "Withdrawal"), "models")

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


__version__ = "0.1.0"

__all__ = [
    "Asset",
    "AsyncClient",
    "Claims",
    "Client",
    "Conflict",
    "CountermarkError",
    "Event",
    "FrozenLog",
    "IdempotencyConflict",
    "InvalidRequest",
    "MalformedReceipt",
    "MalformedRequest",
    "MediaError",
    "MediaTooLarge",
    "NotAuthenticated",
    "NotFound",
    "NotPermitted",
    "Overloaded",
    "Parent",
    "PayloadTooLarge",
    "RateLimited",
    "ReceiptReport",
    "RegisteredAsset",
    "Report",
    "RequestTimeout",
    "ServiceError",
    "ServiceFailed",
    "ServiceUnreachable",
    "StoreCorrupt",
    "StoreUnavailable",
    "UndecodableMedia",
    "UnexpectedAnswer",
    "UnsupportedMedia",
    "Withdrawal",
    "verify_receipt",
]
