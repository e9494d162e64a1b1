"""The one exception tree. Nothing else escapes a public function of Countermark.

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


class CountermarkError(Exception):
    """Root of every exception that Countermark raises on purpose.

    Attributes:
        request_id: of the request that failed, where a service answered with one.
    """

    request_id: str | None = None


class MissingExtra(CountermarkError):
    """What was asked needs libraries that are not installed; the message names the extra that brings them."""


class MediaError(CountermarkError):
    """A stranger's bytes cannot be taken as a picture."""


class UnsupportedMedia(MediaError):
    """Not one of the formats on the allow-list."""


class MediaTooLarge(MediaError):
    """More bytes or pixels than `provenance.limits` allows; raised before decoding."""


class MediaTooCostly(MediaError):
    """Examining it used up the processor time or the memory that a file is given; that says nothing of the picture."""


class UndecodableMedia(MediaError):
    """The right format by its first bytes, but damaged or truncated."""


class StatementError(CountermarkError):
    """A record, statement or key is not acceptable."""


class MalformedRecord(StatementError):
    """Not the canonical JSON of a record we know how to read."""


class MalformedStatement(StatementError):
    """Not the one COSE_Sign1 encoding that Countermark accepts."""


class EntryTooLarge(StatementError):
    """Longer than a log entry may be (`limits.MAX_ENTRY_BYTES`)."""


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


class Sealed(RegistryError):
    """A record that its publisher keeps back: it is in the log, and may be revealed later."""


class MetadataWithheld(RegistryError):
    """A copy of a registered file with metadata that its publisher has not made public; its publisher's key gets it."""


class Erased(RegistryError):
    """Content that was erased; its log entry and every other proof stay."""


class Conflict(RegistryError):
    """At odds with what is already stored."""


class IdempotencyConflict(Conflict):
    """An `Idempotency-Key` that was used for another request, or whose first request still runs.

    Attributes:
        retry_after: seconds after which the same request can be answered; None where a retry cannot help.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FrozenLog(Conflict):
    """The log's last entry says that no other follows; all that is in it stays provable."""


class MalformedRequest(RegistryError):
    """The request itself cannot be read: bad JSON, bad multipart, a length that is not true."""


class InvalidRequest(RegistryError):
    """Well-formed, but it asks for what cannot be."""


class PayloadTooLarge(RegistryError):
    """A request body over the configured limit."""


class NotAuthenticated(RegistryError):
    """No API key, or one that is unknown, expired or revoked."""


class NotPermitted(RegistryError):
    """A valid API key without the scope for this."""


class KeyRefused(RegistryError):
    """A statement by a key that is not a publisher's in force: unknown, replaced or revoked."""


class RateLimited(RegistryError):
    """Too many requests from one address or key.

    Attributes:
        retry_after: seconds after which a new try can succeed.
    """

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(RegistryError):
    """The service has more work than it can take at once.

    Attributes:
        retry_after: seconds after which a new try can succeed.
    """

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ExaminationUnavailable(RegistryError):
    """No worker could finish looking at a file: it was ended, or is too slow. That says nothing of the file.

    Attributes:
        retry_after: seconds after which a new try can succeed.
    """

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RequestTimeout(RegistryError):
    """The body of a request did not arrive in time."""


class SettingsInvalid(RegistryError):
    """The server's configuration is insecure or contradicts itself; the server does not start."""


class SignerUnavailable(RegistryError):
    """A key that a token or a key service holds cannot be used now."""


class StoreLocked(RegistryError):
    """Another server already writes this data folder."""


class StoreUnavailable(RegistryError):
    """The disk is full or read-only, or the writer has stopped. Reads may go on."""


class StoreCorrupt(RegistryError):
    """Stored bytes contradict the log. Signing has stopped and the evidence is kept."""


class ServiceError(CountermarkError):
    """The SDK could not get an answer from a service."""


class ServiceUnreachable(ServiceError):
    """No connection, or it broke before the answer was whole."""


class ServiceFailed(ServiceError):
    """The service met a fault of its own; the request id leads its operator to the cause."""


class UnexpectedAnswer(ServiceError):
    """An answer that is not of the documented form."""
