"""Time-stamp tokens: a time-stamping authority's signed statement that some bytes existed at a time.

RFC 3161, with SHA-256. Over a checkpoint's text, which is what the log signs, a token bounds the time of everything in
the log up to there, from outside. The caller makes the HTTP request: this module
has the bytes to send, and reads the response.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rfc3161_client import (
    Accuracy,
    PKIStatus,
    TimeStampResponse,
    TimeStampTokenInfo,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from provenance.errors import MalformedTimestamp, UntrustedTimestamp, UnusableKey
from provenance.limits import MAX_ANCHOR_BYTES, MAX_REFUSAL_CHARACTERS, MAX_TIMESTAMP_BYTES

REQUEST_MEDIA_TYPE = "application/timestamp-query"
"""Media type of a request over HTTP (RFC 3161 section 3.4)."""

RESPONSE_MEDIA_TYPE = "application/timestamp-reply"
"""Media type of a response over HTTP (RFC 3161 section 3.4)."""

MAX_NONCE = 2**64 - 1
"""The largest nonce that is sent: authorities differ in what they take, all take 64 bits."""

_SHA_256 = "2.16.840.1.101.3.4.2.1"
_SHA_2 = frozenset({_SHA_256, "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3"})
_VERSION_1 = bytes.fromhex("020101")
_SHA_256_IDENTIFIER = bytes.fromhex("300d06096086480165030402010500")
_WITH_CERTIFICATES = bytes.fromhex("0101ff")
_GRANTED = bytes.fromhex("3003020100")
_FOREIGN = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What `rfc3161_client`, and `cryptography` below it, raise for bytes that they cannot read."""


@dataclass(frozen=True)
class TimestampRequest:
    """What an authority is asked to stamp.

    Attributes:
        digest: SHA-256 of the message, 32 bytes.
        nonce: a random number of 64 bits, which the answer has to repeat.

    Raises:
        MalformedTimestamp: another length, or a nonce out of range.
    """

    digest: bytes
    nonce: int

    def __post_init__(self) -> None:
        if len(self.digest) != hashlib.sha256().digest_size:
            raise MalformedTimestamp("a SHA-256 digest has 32 bytes")
        if not 0 <= self.nonce <= MAX_NONCE:
            raise MalformedTimestamp("a nonce has 64 bits")

    @classmethod
    def of(cls, message: bytes, nonce: int) -> Self:
        """The request for a message: for a checkpoint, its text in UTF-8. Raises MalformedTimestamp."""
        return cls(hashlib.sha256(message).digest(), nonce)

    def serialise(self) -> bytes:
        """TimeStampReq in DER: the digest, the nonce, and the wish to get the certificates with the token."""
        imprint = der(0x30, _SHA_256_IDENTIFIER, der(0x04, self.digest))
        nonce = der(0x02, self.nonce.to_bytes(self.nonce.bit_length() // 8 + 1))
        return der(0x30, _VERSION_1, imprint, nonce, _WITH_CERTIFICATES)


@dataclass(frozen=True)
class TimestampAuthority:
    """A time-stamping authority that is trusted: the roots of its certificates, and intermediates it may leave out.

    Any certificate for time-stamping below the roots counts as the authority's.
    """

    name: str
    roots: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...] = ()

    @classmethod
    def from_pem(cls, name: str, pem: bytes) -> Self:
        """An anchor of certificates in PEM, in any order; those that name themselves as issuer are the roots.

        Raises:
            UnusableKey: no certificates, no root among them, or too many bytes.
        """
        if len(pem) > MAX_ANCHOR_BYTES:
            raise UnusableKey(f"the certificates of {name} have more than {MAX_ANCHOR_BYTES} bytes")
        try:
            certificates = x509.load_pem_x509_certificates(pem)
            roots = tuple(each for each in certificates if each.issuer == each.subject)
            others = tuple(each for each in certificates if each.issuer != each.subject)
        except _FOREIGN as cause:
            raise UnusableKey(f"the certificates of {name} cannot be read: {cause}") from cause
        if not roots:
            raise UnusableKey(f"no root among the certificates of {name}")
        return cls(name, roots, others)


@dataclass(frozen=True)
class Timestamp:
    """What a verified token states.

    Attributes:
        time: when the bytes existed, in UTC.
        authority: the name of the trust anchor that vouches for it.
        accuracy: by how much the time may be off, either way; None where the authority does not say.
        policy: the authority's time-stamping policy, as a dotted object identifier.
        serial: of the token, at its authority.
    """

    time: datetime
    authority: str
    accuracy: timedelta | None
    policy: str
    serial: int


def stated_time(token: bytes) -> tuple[datetime, str | None]:
    """The time that a token states, and the name on its signer's certificate: not verified.

    Raises:
        MalformedTimestamp: it does not parse.
    """
    response = _decode(der(0x30, _GRANTED, token))
    info = _read_info(response)
    try:
        certificates = [x509.load_der_x509_certificate(each) for each in response.signed_data.certificates]
        return info.gen_time, next((name for each in certificates if (name := _stamper(each))), None)
    except _FOREIGN as cause:
        raise MalformedTimestamp(f"a part of the token cannot be read: {cause}") from cause


def _stamper(certificate: x509.Certificate) -> str | None:
    """The common name, or the whole one, on a certificate for time-stamping; None for any other."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    if ExtendedKeyUsageOID.TIME_STAMPING not in usages:
        return None
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def token_of(stamp: bytes) -> bytes:
    """The token of a whole response, or the token that `stamp` is, for `verify_timestamp`.

    Raises:
        MalformedTimestamp: it is neither.
    """
    try:
        response = _decode(stamp)
    except MalformedTimestamp:
        response = _decode(der(0x30, _GRANTED, stamp))
    try:
        return response.time_stamp_token()
    except _FOREIGN as cause:
        raise MalformedTimestamp(f"a response without a token: {cause}") from cause


def read_response(data: bytes, request: TimestampRequest) -> bytes:
    """The token of an authority's response to a request; its signature is not checked.

    Args:
        data: TimeStampResp in DER.
        request: as it was sent.

    Returns:
        the token: CMS SignedData in DER, for `verify_timestamp`. It is not its only encoding: parts that nobody
        signs can be changed, so nothing may be identified by it.

    Raises:
        MalformedTimestamp: it does not parse.
        UntrustedTimestamp: the authority declined, or answered another request.
    """
    response = _decode(data)
    if response.status != PKIStatus.GRANTED:
        words = "; ".join(response.status_string)[:MAX_REFUSAL_CHARACTERS]
        raise UntrustedTimestamp(f"the authority declined with status {response.status}: {words!a}")
    token = response.time_stamp_token()
    info = _read_info(response)
    if info.nonce != request.nonce:
        raise UntrustedTimestamp("the response is to another request: its nonce is another")
    _check_imprint(info, request.digest)
    return token


def verify_timestamp(token: bytes, message: bytes, anchors: Sequence[TimestampAuthority]) -> Timestamp:
    """Check that a trusted authority stamped a message.

    Its certificates have to have been valid at the time that the token states, not now; whether one has been revoked
    since then is not looked up.

    Args:
        token: from `read_response`.
        message: the stamped bytes; for a checkpoint, its text in UTF-8.
        anchors: tried in this order.

    Raises:
        MalformedTimestamp: the token does not parse.
        UntrustedTimestamp: it is over other bytes, made with a weak digest, or signed not under any of the anchors.
    """
    response = _decode(der(0x30, _GRANTED, token))
    digest = hashlib.sha256(message).digest()
    info = _read_info(response)
    _check_imprint(info, digest)
    try:
        weak = {each.dotted_string for each in response.signed_data.digest_algorithms} - _SHA_2
        authority = next((each.name for each in anchors if _signed_under(response, digest, each)), None)
        accuracy, policy, serial = _span(info.accuracy), _dotted(info.policy), info.serial_number
    except _FOREIGN as cause:
        raise MalformedTimestamp(f"a part of the token cannot be read: {cause}") from cause
    if weak:
        raise UntrustedTimestamp("the token is signed with another digest than one of SHA-2")
    if authority is None:
        names = ", ".join(each.name for each in anchors) or "nobody, since no authority is trusted"
        raise UntrustedTimestamp(f"the token is not signed by {names}")
    return Timestamp(info.gen_time, authority, accuracy, policy, serial)


def _signed_under(response: TimeStampResponse, digest: bytes, anchor: TimestampAuthority) -> bool:
    verifier = VerifierBuilder(roots=list(anchor.roots), intermediates=list(anchor.intermediates)).build()
    try:
        return verifier.verify(response, digest)
    except VerificationError:
        return False


def _decode(data: bytes) -> TimeStampResponse:
    """A response in its one encoding but for the order of its certificates, whatever its status.

    Raises MalformedTimestamp.
    """
    if len(data) > MAX_TIMESTAMP_BYTES:
        raise MalformedTimestamp(f"a response of more than {MAX_TIMESTAMP_BYTES} bytes")
    data = _with_sorted_certificates(data)
    try:
        response = decode_timestamp_response(data)
        again = response.as_bytes()
    except _FOREIGN as cause:
        raise MalformedTimestamp(f"not a time-stamp response: {cause}") from cause
    if again != data:
        raise MalformedTimestamp("not in DER")
    return response


def _with_sorted_certificates(data: bytes) -> bytes:
    """A response with the certificates of its token in the order of DER (X.690 §11.6), in which many authorities leave
    them unsorted: nobody signs that set (RFC 5652 §5.1). What is no such response comes back as it is.
    """
    try:
        _, token, *_ = _elements(data, *_only(data, 0, len(data), 0x30))
        content = _only(data, *_elements(data, *_value(data, token))[1], 0xA0)
        signed = _only(data, *content, 0x30)
        certificates = next(each for each in _elements(data, *signed) if data[each[0]] == 0xA0)
        start, end = _value(data, certificates)
        found = [data[slice(*each)] for each in _elements(data, start, end)]
    except (IndexError, StopIteration, ValueError):
        return data
    return data[:start] + b"".join(sorted(found)) + data[end:]


def _only(data: bytes, start: int, end: int, tag: int) -> tuple[int, int]:
    """Where the value of the one element from `start` to `end` lies, which has this tag. Raises ValueError."""
    (element,) = _elements(data, start, end)
    if data[start] != tag:
        raise ValueError("another element")
    return _value(data, element)


def _elements(data: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """Where the DER elements between two places lie. Raises IndexError, ValueError where they do not end there."""
    found = []
    while start < end:
        after = _value(data, (start, end))[1]
        found.append((start, after))
        start = after
    return found


def _value(data: bytes, element: tuple[int, int]) -> tuple[int, int]:
    """Where the value of an element with a tag of one byte lies; it may end before `element` does.

    Raises IndexError, ValueError.
    """
    start, end = element
    length, at = data[start + 1], start + 2
    if length & 0x80:
        count = length & 0x7F
        length, at = int.from_bytes(data[at : at + count]), at + count
    if at + length > end:
        raise ValueError("an element that does not end where it has to")
    return at, at + length


def _read_info(response: TimeStampResponse) -> TimeStampTokenInfo:
    """What the token of a response states. Raises MalformedTimestamp."""
    try:
        info = response.tst_info
        version = info.version
    except _FOREIGN as cause:
        raise MalformedTimestamp(f"not a time-stamp token: {cause}") from cause
    if version != 1:
        raise MalformedTimestamp("a time-stamp token has version 1")
    return info


def _check_imprint(info: TimeStampTokenInfo, digest: bytes) -> None:
    try:
        algorithm, stamped = info.message_imprint.hash_algorithm.dotted_string, info.message_imprint.message
    except _FOREIGN as cause:
        raise MalformedTimestamp(f"not a time-stamp token: {cause}") from cause
    if (algorithm, stamped) != (_SHA_256, digest):
        raise UntrustedTimestamp("the token is over other bytes, or over another digest of them than SHA-256")


def _span(accuracy: Accuracy | None) -> timedelta | None:
    if accuracy is None:
        return None
    millis, micros = accuracy.millis or 0, accuracy.micros or 0
    return timedelta(seconds=accuracy.seconds or 0, milliseconds=millis, microseconds=micros)


def _dotted(policy: x509.ObjectIdentifier | None) -> str:
    if policy is None:
        raise MalformedTimestamp("a token without a policy")
    return policy.dotted_string


def der(tag: int, *parts: bytes) -> bytes:
    """One DER element: a tag of one byte, its length, and its parts (X.690 §8.1, §10.1)."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content
