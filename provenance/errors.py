"""The one exception tree. Nothing else escapes a public function of Countermark.

Each class carries the slug of its problem (RFC 9457) and the exit status of a command that fails with it.

CountermarkError
├── MediaError                     the bytes cannot be accepted as a picture
│   ├── UnsupportedMedia           not one of the formats on the allow-list
│   ├── MediaTooLarge              more bytes or pixels than `limits` allows
│   ├── MediaTooCostly             used up the processor time or memory allowed for one file
│   └── UndecodableMedia           the right format, but damaged or truncated
├── StatementError                 a record, statement or key is not acceptable
│   ├── MalformedRecord            not the canonical JSON of a record we know how to read
│   ├── MalformedStatement         not the one COSE_Sign1 encoding we accept
│   ├── EntryTooLarge              longer than a log entry may be
│   ├── UnusableKey                a key that is malformed, weak, or of an unsupported algorithm
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
│   ├── UntrustedTimestamp         a token that no trusted authority issued for these bytes
│   └── ProofInvalid               an inclusion or consistency proof does not hold
├── CredentialError                C2PA
│   ├── CredentialSettingsInvalid  trust lists or settings that would disable a protection
│   ├── CertificateUnusable        a signing certificate outside the C2PA profile
│   └── CredentialSigningFailed    the claim could not be signed into these bytes
├── RegistryError                  the service cannot do what was asked
│   ├── NotFound                   no such asset, record, publisher, upload or verification
│   ├── Sealed                     a record that its publisher has sealed
│   ├── MetadataWithheld           a copy with metadata that its publisher has not made public
│   ├── Erased                     content that was erased; its log entry stays
│   ├── Conflict                   in conflict with what is already stored
│   │   ├── IdempotencyConflict    an Idempotency-Key that was used for another request, or is in use
│   │   └── FrozenLog              the log has its last entry, and accepts no more
│   ├── MalformedRequest           the request cannot be parsed
│   ├── InvalidRequest             well-formed, but cannot be fulfilled
│   ├── PayloadTooLarge            a body over the limit
│   ├── NotAuthenticated           no API key, or one that is unknown, expired or revoked
│   ├── NotPermitted               a valid API key without the scope for this
│   ├── KeyRefused                 a statement by a key that is unknown, replaced or revoked
│   ├── RetryLater                 not now; retry after `retry_after` seconds
│   │   ├── RateLimited            too many requests
│   │   ├── Overloaded             too much work in progress
│   │   └── ExaminationUnavailable no worker could examine the file
│   ├── RequestTimeout             the body did not arrive in time
│   ├── SettingsInvalid            the server's configuration is insecure or contradicts itself
│   ├── SignerUnavailable          a key on a token or in a key service is unavailable
│   ├── StoreLocked                another server already writes this data folder
│   ├── StoreUnavailable           disk full, read-only, or the writer has stopped
│   └── StoreCorrupt               stored bytes contradict the log; signing has stopped
├── FetchError                     a stranger's address was not fetched
│   ├── AddressRefused             it is no web address, or leads to something that is not on the public internet
│   └── FetchFailed                no connection, another answer than the file, too slow
│       └── FetchTooLarge          more bytes than are taken in
├── MissingExtra                   the operation needs an extra that is not installed
└── ServiceError                   the SDK could not get an answer from a service
    ├── ServiceUnreachable         no connection, or it broke
    ├── ServiceFailed              the service failed internally
    ├── WrongService               the URL is not that of a Countermark service with this route
    └── UnexpectedAnswer           an answer without the documented form
        └── RecordRefused          a record to sign that says something else than was asked; it was not signed
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
        slug: last part of the problem's type (RFC 9457). A class without its own inherits its parent's; the root's is
            that of an internal error.
        exit_status: of a command that fails with it: incomplete if something could not be checked, findings if the
            answer is negative, else usage.
        request_id: of the failed request; None if no service answered with one.
    """

    slug: ClassVar[str] = "internal-error"
    exit_status: ClassVar[Exit] = Exit.USAGE
    request_id: str | None = None


class MissingExtra(CountermarkError):
    """The operation needs libraries that are not installed; the message names the extra that installs them."""

    exit_status = Exit.INCOMPLETE


class MediaError(CountermarkError):
    """The bytes cannot be accepted as a picture."""


class UnsupportedMedia(MediaError):
    """Not one of the formats on the allow-list."""

    slug = "unsupported-media"


class MediaTooLarge(MediaError):
    """More bytes or pixels than `provenance.limits` allows; raised before decoding."""

    slug = "media-too-large"


class MediaTooCostly(MediaError):
    """Examining the file used up the processor time or memory allowed for one; that says nothing about the picture."""

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
    """A key that is malformed, weak, or of an unsupported algorithm."""


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
    """An RFC 3161 request, response or token that does not parse, or does not answer the request."""


class UntrustedNote(TransparencyError):
    """No signature by a key we trust, or a signature by such a key fails."""


class UntrustedTimestamp(TransparencyError):
    """A time-stamp token that no trusted authority issued for these bytes."""


class ProofInvalid(TransparencyError):
    """An inclusion or consistency proof does not lead to the root."""


class CredentialError(CountermarkError):
    """C2PA credentials could not be made or configured."""


class CredentialSettingsInvalid(CredentialError):
    """Trust lists or settings that would silently disable a protection."""


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
    """A record that its publisher has sealed: it is in the log, and may be revealed later."""

    slug = "sealed"
    exit_status = Exit.FINDINGS


class MetadataWithheld(RegistryError):
    """A copy with metadata that its publisher has not made public; only the publisher's API key gets it."""

    slug = "metadata-withheld"
    exit_status = Exit.FINDINGS


class Erased(RegistryError):
    """Content that was erased; its log entry and every other proof stay."""

    slug = "erased"
    exit_status = Exit.FINDINGS


class Conflict(RegistryError):
    """In conflict with what is already stored."""

    slug = "conflict"


class IdempotencyConflict(Conflict):
    """An `Idempotency-Key` that was used for another request, or whose first request still runs.

    Attributes:
        retry_after: seconds after which the same request can be answered; None if a retry cannot help.
    """

    slug = "idempotency-conflict"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FrozenLog(Conflict):
    """The log's last entry says that no other follows; all that is in it stays provable."""

    slug = "log-frozen"


class MalformedRequest(RegistryError):
    """The request cannot be parsed: bad JSON, bad multipart, a wrong Content-Length."""

    slug = "malformed-request"


class InvalidRequest(RegistryError):
    """The request is well-formed but cannot be fulfilled."""

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
    """A statement by a key that is not in force: unknown, replaced or revoked."""

    slug = "key-refused"


class RetryLater(RegistryError):
    """The service cannot do it now.

    Attributes:
        retry_after: seconds after which a new try can succeed.
    """

    exit_status = Exit.INCOMPLETE

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(RetryLater):
    """Too many requests from one address or key.

    Attributes:
        policy: the name of the limit that is exceeded, as in `RateLimit-Policy`; None if it is on requests in progress.
    """

    slug = "rate-limited"

    def __init__(self, message: str, *, retry_after: float, policy: str | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.policy = policy


class Overloaded(RetryLater):
    """The service has too much work in progress."""

    slug = "overloaded"


class ExaminationUnavailable(RetryLater):
    """No worker could examine the file: it was killed, or was too slow. That says nothing about the file."""

    slug = "examination-unavailable"


class RequestTimeout(RegistryError):
    """The body of a request did not arrive in time."""

    slug = "request-timeout"
    exit_status = Exit.INCOMPLETE


class SettingsInvalid(RegistryError):
    """The server's configuration is insecure or contradicts itself; the server does not start."""


class SignerUnavailable(RegistryError):
    """A key on a token or in a key service is unavailable."""

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


class FetchError(CountermarkError):
    """A stranger's address was not fetched."""

    exit_status = Exit.INCOMPLETE


class AddressRefused(FetchError):
    """It is no web address, or it leads to something that is not on the public internet."""


class FetchFailed(FetchError):
    """No connection, another answer than the file, or one that is too large or too slow."""


class FetchTooLarge(FetchFailed):
    """The file has more bytes than are taken in."""


class ServiceError(CountermarkError):
    """The SDK could not get an answer from a service."""

    exit_status = Exit.INCOMPLETE


class ServiceUnreachable(ServiceError):
    """No connection, or it broke before the answer was whole."""


class ServiceFailed(ServiceError):
    """The service failed internally; with the request id its operator can find the cause in the log."""

    slug = CountermarkError.slug


class WrongService(ServiceError):
    """The URL is not that of a Countermark service, or of one that is too old to have this route."""

    exit_status = Exit.USAGE


class UnexpectedAnswer(ServiceError):
    """An answer without the documented form."""


class RecordRefused(UnexpectedAnswer):
    """A service prepared a record that says something else than was asked. Nothing was signed."""

    exit_status = Exit.FINDINGS
