"""Countermark: register pictures, verify them, check receipts offline.

    with Client("https://registry.example", api_key=KEY) as client:
        asset = client.register("picture.jpg", title="Path below the Picos de Europa")
        report = client.verify("copy.jpg")
        print(report.headline.text)

    verify_receipt("picture.countermark", "picture.jpg", log_keys=[LOG_KEY]).holds    # no network

Modules are imported on first use: a client does not need those for receipts, and checking one needs no HTTP.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from provenance import __version__ as __version__
from provenance.errors import (
    Conflict,
    CountermarkError,
    EntryTooLarge,
    Erased,
    ExaminationUnavailable,
    FrozenLog,
    IdempotencyConflict,
    InvalidRequest,
    KeyRefused,
    MalformedNote,
    MalformedReceipt,
    MalformedRequest,
    MediaError,
    MediaTooCostly,
    MediaTooLarge,
    MetadataWithheld,
    MissingExtra,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Overloaded,
    PayloadTooLarge,
    RateLimited,
    RecordRefused,
    RequestTimeout,
    Sealed,
    ServiceError,
    ServiceFailed,
    ServiceUnreachable,
    SignerUnavailable,
    StoreCorrupt,
    StoreUnavailable,
    UndecodableMedia,
    UnexpectedAnswer,
    UnsupportedMedia,
    UntrustedNote,
    UnusableKey,
    WrongService,
)

if TYPE_CHECKING:
    from countermark.async_client import AsyncClient
    from countermark.calls import Reply
    from countermark.claims import Claims
    from countermark.client import Client
    from countermark.digests import Digests, fingerprint
    from countermark.keys import OwnKey
    from countermark.log import AuditReport, audit_log
    from countermark.models import (
        Asset,
        AssetInFull,
        Dispute,
        Erasure,
        Event,
        FileClaims,
        Graph,
        Lookup,
        LookupMatch,
        Lookups,
        Parent,
        RegisteredAsset,
        Report,
        ServiceDescription,
        UploadedMedia,
        Withdrawal,
    )
    from countermark.receipts import ProofReport, ReceiptReport, verify_proof, verify_receipt
else:
    _MODULES = {"AsyncClient": "async_client", "Claims": "claims", "Client": "client", "OwnKey": "keys"}
    _MODULES |= {"AuditReport": "log", "audit_log": "log"}
    _MODULES |= {"Digests": "digests", "fingerprint": "digests", "Reply": "calls"}
    _MODULES |= dict.fromkeys(("ProofReport", "ReceiptReport", "verify_proof", "verify_receipt"), "receipts")

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'models')}"), name)


__all__ = [
    "Asset",
    "AssetInFull",
    "AsyncClient",
    "AuditReport",
    "Claims",
    "Client",
    "Conflict",
    "CountermarkError",
    "Digests",
    "Dispute",
    "EntryTooLarge",
    "Erased",
    "Erasure",
    "Event",
    "ExaminationUnavailable",
    "FileClaims",
    "FrozenLog",
    "Graph",
    "IdempotencyConflict",
    "InvalidRequest",
    "KeyRefused",
    "Lookup",
    "LookupMatch",
    "Lookups",
    "MalformedNote",
    "MalformedReceipt",
    "MalformedRequest",
    "MediaError",
    "MediaTooCostly",
    "MediaTooLarge",
    "MetadataWithheld",
    "MissingExtra",
    "NotAuthenticated",
    "NotFound",
    "NotPermitted",
    "Overloaded",
    "OwnKey",
    "Parent",
    "PayloadTooLarge",
    "ProofReport",
    "RateLimited",
    "ReceiptReport",
    "RecordRefused",
    "RegisteredAsset",
    "Reply",
    "Report",
    "RequestTimeout",
    "Sealed",
    "ServiceDescription",
    "ServiceError",
    "ServiceFailed",
    "ServiceUnreachable",
    "SignerUnavailable",
    "StoreCorrupt",
    "StoreUnavailable",
    "UndecodableMedia",
    "UnexpectedAnswer",
    "UnsupportedMedia",
    "UntrustedNote",
    "UnusableKey",
    "UploadedMedia",
    "Withdrawal",
    "WrongService",
    "audit_log",
    "fingerprint",
    "verify_proof",
    "verify_receipt",
]
