"""The one exception tree. Nothing else escapes a public function of Countermark.

A class states here what problem a service makes of it and with which status a command ends over it.

CountermarkError
├── MediaError                     a stranger's bytes cannot be taken as a picture
│   ├── UnsupportedMedia           not one of the formats on the allow-list
│   ├── MediaTooLarge              more bytes or pixels than `limits` allows
│   ├── MediaTooCostly             used up the processor time or memory that one file is given
│   └── UndecodableMedia           the right format, but damaged or truncated
├── StatementError                 a record, statement or key is not acceptable
│   ├── MalformedRecord            not the canonical JSON of a record we know how to read
│   ├── MalformedStatement         not the one COSE_Sign1 encoding we accept
│   ├── EntryTooLarge              longer than a log entry may be
│   ├── UnusableKey                a key that is malformed, weak, or of another algorithm
│   └── SignatureInvalid           well-formed, and the signature does not verify
├── TransparencyError              something from a log is not acceptable
│   ├── MalformedNote              signed note, checkpoint or cosignature
│   ├── MalformedTile              tile, entry bundle or tile path
│   ├── MalformedProof             tlog-proof
│   ├── MalformedReceipt           `.countermark` file, or COSE receipt
│   ├── MalformedPolicy            tlog-policy file
│   ├── MalformedExchange          request to a witness, or its answer
│   ├── MalformedTimestamp         RFC 3161 request, response or token
│   ├── UntrustedNote              no signature by a key we trust, or one of them fails
│   ├── UntrustedTimestamp         a token that no named authority made over these bytes
│   └── ProofInvalid               an inclusion or consistency proof does not hold
├── CredentialError                C2PA
│   ├── CredentialSettingsInvalid  trust lists or settings that would switch a protection off
│   ├── CertificateUnusable        a signing certificate outside the C2PA profile
│   └── CredentialSigningFailed    the claim could not be signed into these bytes
├── RegistryError                  the service cannot do what was asked
│   ├── NotFound                   no such asset, record, publisher, upload or verification
│   ├── Sealed                     a record that its publisher keeps back
│   ├── MetadataWithheld           a copy with metadata that its publisher has not made public
│   ├── Erased                     content that was erased; its log entry stays
│   ├── Conflict                   at odds with what is already stored
│   │   ├── IdempotencyConflict    an Idempotency-Key that was used for another request, or is in use
│   │   └── FrozenLog              the log has its last entry, and takes no more
│   ├── MalformedRequest           the request itself cannot be read
│   ├── InvalidRequest             well-formed, but asks for what cannot be
│   ├── PayloadTooLarge            a body over the limit
│   ├── NotAuthenticated           no API key, or one that is unknown, expired or revoked
│   ├── NotPermitted               a valid API key without the scope for this
│   ├── KeyRefused                 a statement by a key that is unknown, replaced or revoked
│   ├── RateLimited                too many requests; `retry_after` seconds says when to return
│   ├── Overloaded                 the service has more work than it can take; `retry_after` seconds
│   ├── ExaminationUnavailable     no worker could finish looking at a file; `retry_after` seconds
│   ├── RequestTimeout             the body did not arrive in time
│   ├── SettingsInvalid            the server's configuration is insecure or contradicts itself
│   ├── SignerUnavailable          a key that a token or a key service holds cannot be used now
│   ├── StoreLocked                another server already writes this data folder
│   ├── StoreUnavailable           disk full, read-only, or the writer has stopped
│   └── StoreCorrupt               stored bytes contradict the log; signing has stopped
├── MissingExtra                   what was asked needs an extra that is not installed
└── ServiceError                   the SDK could not get an answer from a service
    ├── ServiceUnreachable         no connection, or it broke
    ├── ServiceFailed              the service met a fault of its own
    └── UnexpectedAnswer           an answer that is not of the documented form
"""

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """What a command found, as its exit status; of several files, the highest counts."""

    SATISFIED = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3


class CountermarkError(Exception):
    """Root of every exception that Countermark raises on purpose.

    Attributes:
        slug: last part of the type of the problem (RFC 9457) that a service answers with. What has none of its own has
            that of the class above it, and at the root is a fault of the service's own.
        exit_status: of a command that ends over it: incomplete where something could not be looked at, findings where
            the answer is no, else usage.
        request_id: of the request that failed, where a service answered with one.
    """

    slug: ClassVar[str] = "internal-error"
    exit_status: ClassVar[Exit] = Exit.USAGE
    request_id: str | None = None


class MissingExtra(CountermarkError):
    """What was asked needs libraries that are not installed; the message names the extra that brings them."""

    exit_status = Exit.INCOMPLETE


class MediaError(CountermarkError):
    """A stranger's bytes cannot be taken as a picture."""


class UnsupportedMedia(MediaError):
    """Not one of the formats on the allow-list."""

    slug = "unsupported-media"


class MediaTooLarge(MediaError):
    """More bytes or pixels than `provenance.limits` allows; raised before decoding."""

    slug = "media-too-large"


class MediaTooCostly(MediaError):
    """Examining it used up the processor time or the memory that a file is given; that says nothing of the picture."""

    slug = "media-too-costly"
    exit_status = Exit.INCOMPLETE


class UndecodableMedia(MediaError):
    """The right format by its first bytes, but damaged or truncated."""

    slug = "undecodable-media"


class StatementError(CountermarkError):
    """A record, statement or key is not acceptable."""


class MalformedRecord(StatementError):
    """Not the canonical JSON of a record we know how to read."""


class MalformedStatement(StatementError):
    """Not the one COSE_Sign1 encoding that Countermark accepts."""


class EntryTooLarge(StatementError):
    """Longer than a log entry may be (`limits.MAX_ENTRY_BYTES`)."""

    slug = "entry-too-large"


class UnusableKey(StatementError):
    """A key that is malformed, weak, or of an algorithm we do not take."""


class SignatureInvalid(StatementError):
    """Well-formed, and the signature does not verify."""


class TransparencyError(CountermarkError):
    """Something that came from a log is not acceptable."""


class MalformedNote(TransparencyError):
    """A signed note, checkpoint, verifier key or cosignature that does not parse."""


class MalformedTile(TransparencyError):
    """A tile, entry bundle or tile path that does not parse."""


class MalformedProof(TransparencyError):
    """A tlog-proof that does not parse."""


class MalformedReceipt(TransparencyError):
    """A `.countermark` file, or a COSE receipt, that does not parse."""

    exit_status = Exit.FINDINGS


class MalformedPolicy(TransparencyError):
    """A tlog-policy file that does not parse."""


class MalformedExchange(TransparencyError):
    """A request to a witness, or its answer, that does not parse."""


class MalformedTimestamp(TransparencyError):
    """An RFC 3161 request, response or token that does not parse, or that was not asked for."""


class UntrustedNote(TransparencyError):
    """No signature by a key we trust, or a signature by such a key fails."""


class UntrustedTimestamp(TransparencyError):
    """A time-stamp token that none of the named authorities made over these bytes."""


class ProofInvalid(TransparencyError):
    """An inclusion or consistency proof does not lead to the root."""


class CredentialError(CountermarkError):
    """C2PA credentials could not be made or configured."""


class CredentialSettingsInvalid(CredentialError):
    """Trust lists or settings that would silently switch a protection off."""


class CertificateUnusable(CredentialError):
    """A signing certificate or key outside the C2PA certificate profile."""


class CredentialSigningFailed(CredentialError):
    """The claim could not be signed into these bytes."""


class RegistryError(CountermarkError):
    """The service cannot do what was asked."""


class NotFound(RegistryError):
    """No such asset, record, publisher, upload or verification."""

    slug = "not-found"
    exit_status = Exit.FINDINGS


class Sealed(RegistryError):
    """A record that its publisher keeps back: it is in the log, and may be revealed later."""

    slug = "sealed"
    exit_status = Exit.FINDINGS


class MetadataWithheld(RegistryError):
    """A copy of a registered file with metadata that its publisher has not made public; its publisher's key gets it."""

    slug = "metadata-withheld"
    exit_status = Exit.FINDINGS


class Erased(RegistryError):
    """Content that was erased; its log entry and every other proof stay."""

    slug = "erased"
    exit_status = Exit.FINDINGS


class Conflict(RegistryError):
    """At odds with what is already stored."""

    slug = "conflict"


class IdempotencyConflict(Conflict):
    """An `Idempotency-Key` that was used for another request, or whose first request still runs.

    Attributes:
        retry_after: seconds after which the same request can be answered; None where a retry cannot help.
    """

    slug = "idempotency-conflict"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FrozenLog(Conflict):
    """The log's last entry says that no other follows; all that is in it stays provable."""

    slug = "log-frozen"


class MalformedRequest(RegistryError):
    """The request itself cannot be read: bad JSON, bad multipart, a length that is not true."""

    slug = "malformed-request"


class InvalidRequest(RegistryError):
    """Well-formed, but it asks for what cannot be."""

    slug = "invalid-request"


class PayloadTooLarge(RegistryError):
    """A request body over the configured limit."""

    slug = "payload-too-large"


class NotAuthenticated(RegistryError):
    """No API key, or one that is unknown, expired or revoked."""

    slug = "not-authenticated"


class NotPermitted(RegistryError):
    """A valid API key without the scope for this."""

    slug = "not-permitted"


class KeyRefused(RegistryError):
    """A statement by a key that is not a publisher's in force: unknown, replaced or revoked."""

    slug = "key-refused"


class RateLimited(RegistryError):
    """Too many requests from one address or key.

    Attributes:
        retry_after: seconds after which a new try can succeed.
    """

    slug = "rate-limited"
    exit_status = Exit.INCOMPLETE

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(RegistryError):
    """The service has more work than it can take at once.

    Attributes:
        retry_after: seconds after which a new try can succeed.
    """

    slug = "overloaded"
    exit_status = Exit.INCOMPLETE

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ExaminationUnavailable(RegistryError):
    """No worker could finish looking at a file: it was ended, or is too slow. That says nothing of the file.

    Attributes:
        retry_after: seconds after which a new try can succeed.
    """

    slug = "examination-unavailable"
    exit_status = Exit.INCOMPLETE

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RequestTimeout(RegistryError):
    """The body of a request did not arrive in time."""

    slug = "request-timeout"
    exit_status = Exit.INCOMPLETE


class SettingsInvalid(RegistryError):
    """The server's configuration is insecure or contradicts itself; the server does not start."""


class SignerUnavailable(RegistryError):
    """A key that a token or a key service holds cannot be used now."""

    slug = "signer-unavailable"


class StoreLocked(RegistryError):
    """Another server already writes this data folder."""

    slug = "store-unavailable"


class StoreUnavailable(RegistryError):
    """The disk is full or read-only, or the writer has stopped. Reads may go on."""

    slug = "store-unavailable"
    exit_status = Exit.INCOMPLETE


class StoreCorrupt(RegistryError):
    """Stored bytes contradict the log. Signing has stopped and the evidence is kept."""

    slug = "store-corrupt"
    exit_status = Exit.INCOMPLETE


class ServiceError(CountermarkError):
    """The SDK could not get an answer from a service."""

    exit_status = Exit.INCOMPLETE


class ServiceUnreachable(ServiceError):
    """No connection, or it broke before the answer was whole."""


class ServiceFailed(ServiceError):
    """The service met a fault of its own; the request id leads its operator to the cause."""

    slug = CountermarkError.slug


class UnexpectedAnswer(ServiceError):
    """An answer that is not of the documented form."""
