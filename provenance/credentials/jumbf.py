"""Facts of a manifest store that c2pa's interface does not report.

A manifest store is a tree of JUMBF boxes (ISO/IEC 19566-5; C2PA 2.2, section 11.1): store > manifest >
claim, signature, assertions. Read here: which manifest is the active one, the digest of its claim, the certificates and
time stamps beside each signature, and whether the padding of any signature holds something.

Padding is not covered by any signature: up to 10 KB of a signed file can be changed at will and still
verify. So a digest of the file is not the identity of its credential; the digest of the claim is.
"""

import hashlib
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cbor2

from provenance.limits import MAX_JUMBF_BOXES, MAX_MANIFEST_BYTES

_CLAIM_LABELS = ("c2pa.claim.v2", "c2pa.claim")
_SIGNATURE_LABEL = "c2pa.signature"
_CHAIN_HEADERS = (33, "x5chain")  # RFC 9360; the name in claims from before there was the number
_MAX_CERTIFICATES = 16
_MAX_STAMPS = 4  # each is verified, at about a millisecond
_ASSERTIONS = "c2pa.assertions"
_MANIFEST_PARTS = frozenset((*_CLAIM_LABELS, _SIGNATURE_LABEL, _ASSERTIONS))
_THUMBNAIL = "c2pa.thumbnail."
_HISTORY = re.compile(
    r"(c2pa\.(actions|ai-disclosure|asset-type|certificate-status|hash\.[a-z.-]+|ingredient|soft-binding|time-stamp)"
    r"|(c2pa|cawg)\.training-mining|org\.countermark\.registry)(\.v\d+)?(__\d+)?"
)
"""Assertions on what was done to a file, and how it is bound: no places, no serial numbers (C2PA 2.2, section 18)."""
_COSE_DEPTH = 16  # a COSE_Sign1 with certificates and time stamps has 5 levels


@dataclass(frozen=True)
class Stamp:
    """A time stamp beside a signature: unchecked.

    Attributes:
        token: in DER: of version 2 an RFC 3161 token, of version 1 a whole response.
        message: the bytes that it has to be over (C2PA 2.4, "Time-stamps"; version 1: "sigTst").
    """

    token: bytes
    message: bytes


@dataclass(frozen=True)
class Signature:
    """What stands beside the signature of a manifest. Certificates are in DER, the signer's own first."""

    chain: tuple[bytes, ...] = ()
    stamps: tuple[Stamp, ...] = ()


@dataclass(frozen=True)
class ManifestFacts:
    """Facts of one manifest in a store.

    Attributes:
        manifest_id: label of the manifest.
        claim_sha256: SHA-256 of the claim: the content of the CBOR box within the box `c2pa.claim.v2` (or
            `c2pa.claim`), without box headers. These are exactly the bytes that the signature covers as its
            detached payload. None when the manifest is stored compressed.
        padding_nonzero: some signature of the store has padding that is not all zero. None when none was
            found, but a manifest is stored compressed or a signature could not be read.
        signatures: what stands beside the signature of each manifest of the store, by its label.
    """

    manifest_id: str
    claim_sha256: bytes | None
    padding_nonzero: bool | None
    signatures: Mapping[str, Signature]


@dataclass(frozen=True, eq=False)
class ManifestContents:
    """What the manifests of a store hold beside the history of the file.

    Attributes:
        metadata: labels of parts that may hold anything: metadata of a camera, names, whatever is not known here.
        pictures: the embedded thumbnails, as files.
    """

    metadata: tuple[str, ...]
    pictures: tuple[bytes, ...]


class _BoxError(Exception):
    """The bytes are not the boxes they should be."""


def read_facts(store: bytes, manifest_id: str | None = None) -> ManifestFacts | None:
    """Facts of the manifest `manifest_id`, or of the active one (the last in `store`). None when malformed."""
    if len(store) > MAX_MANIFEST_BYTES:
        return None
    boxes = _Boxes()
    try:
        manifests = dict(boxes.superboxes(boxes.only_superbox(store)))
        wanted = manifest_id if manifest_id is not None else list(manifests)[-1]
        signed = {label: _cose(boxes, content) for label, content in manifests.items()}
        claims = {label: _claim(boxes, content) for label, content in manifests.items()}
        claim = claims[wanted]
    except (_BoxError, KeyError, IndexError):
        return None
    paddings = [_padding_nonzero(parts) for parts in signed.values()]
    nonzero = True if True in paddings else None if None in paddings else False
    signatures = {label: _signature(parts, claims[label]) for label, parts in signed.items() if parts is not None}
    return ManifestFacts(wanted, hashlib.sha256(claim).digest() if claim is not None else None, nonzero, signatures)


def read_contents(store: bytes) -> ManifestContents:
    """What the manifests in `store` hold that is no history. What cannot be read counts as metadata."""
    boxes = _Boxes()
    metadata: list[str] = []
    pictures: list[bytes] = []
    try:
        if len(store) > MAX_MANIFEST_BYTES:
            raise _BoxError
        for _, manifest in boxes.superboxes(boxes.only_superbox(store)):
            parts = dict(boxes.superboxes(manifest))
            metadata += (label for label in parts if label not in _MANIFEST_PARTS)
            if _ASSERTIONS not in parts:
                raise _BoxError
            for label, content in boxes.superboxes(parts[_ASSERTIONS]):
                if label.startswith(_THUMBNAIL):
                    pictures.append(boxes.file(content))
                elif not _HISTORY.fullmatch(label):
                    metadata.append(label)
    except _BoxError:
        metadata.append("a manifest that cannot be read")
    return ManifestContents(tuple(dict.fromkeys(metadata)), tuple(pictures))


def read_signature(store: bytes) -> bytes | None:
    """The COSE_Sign1 of the active manifest in `store`, as it is encoded. None when malformed."""
    boxes = _Boxes()
    try:
        *_, (_, manifest) = boxes.superboxes(boxes.only_superbox(store))
        return bytes(boxes.cbor(dict(boxes.superboxes(manifest))[_SIGNATURE_LABEL]))
    except (_BoxError, KeyError, ValueError):
        return None


def _claim(boxes: "_Boxes", manifest: memoryview) -> memoryview | None:
    parts = dict(boxes.superboxes(manifest))
    for label in _CLAIM_LABELS:
        if label in parts:
            return boxes.cbor(parts[label])
    return None


def _cose(boxes: "_Boxes", manifest: memoryview) -> Sequence[object] | None:
    """The four parts of the COSE_Sign1 of a manifest; None where it cannot be read."""
    signature = dict(boxes.superboxes(manifest)).get(_SIGNATURE_LABEL)
    if signature is None:
        return None
    try:
        sign1 = cbor2.loads(bytes(boxes.cbor(signature)), max_depth=_COSE_DEPTH)
    except cbor2.CBORError:
        return None
    parts = sign1.value if isinstance(sign1, cbor2.CBORTag) else sign1
    if not isinstance(parts, Sequence) or len(parts) != 4 or not isinstance(parts[1], Mapping):
        return None
    return parts


def _padding_nonzero(parts: Sequence[object] | None) -> bool | None:
    if parts is None:
        return None
    paddings = (_mapping(parts[1]).get(key, b"") for key in ("pad", "pad2"))
    return any(not isinstance(padding, bytes) or any(padding) for padding in paddings)


def _signature(parts: Sequence[object], claim: memoryview | None) -> Signature:
    body, unprotected, signature = parts[0], _mapping(parts[1]), parts[3]
    if not isinstance(body, bytes) or not isinstance(signature, bytes):
        return Signature()
    try:
        protected = _mapping(cbor2.loads(body, max_depth=_COSE_DEPTH))
    except cbor2.CBORError:
        return Signature()
    found = [headers[name] for headers in (protected, unprotected) for name in _CHAIN_HEADERS if name in headers]
    chain = found[0] if found else ()
    certificates = (chain,) if isinstance(chain, bytes) else chain if isinstance(chain, Sequence) else ()
    stamps = [
        *((token, cbor2.dumps(signature)) for token in _tokens(unprotected.get("sigTst2"))),
        *((token, bytes(claim)) for token in _tokens(unprotected.get("sigTst")) if claim is not None),
    ]
    return Signature(
        tuple(each for each in certificates[:_MAX_CERTIFICATES] if isinstance(each, bytes)),
        tuple(
            Stamp(token, cbor2.dumps(["CounterSignature", body, b"", stamped]))
            for token, stamped in stamps[:_MAX_STAMPS]
        ),
    )


def _tokens(header: object) -> Iterator[bytes]:
    tokens = _mapping(header).get("tstTokens")
    for each in tokens if isinstance(tokens, Sequence) else ():
        token = _mapping(each).get("val")
        if isinstance(token, bytes):
            yield token


def _mapping(value: object) -> Mapping[object, object]:
    return value if isinstance(value, Mapping) else {}


class _Boxes:
    """Walks boxes without copying, and no more than `MAX_JUMBF_BOXES` of them."""

    def __init__(self) -> None:
        self._left = MAX_JUMBF_BOXES

    def only_superbox(self, data: bytes) -> memoryview:
        """Content of the superbox that `data` is."""
        boxes = list(self._walk(memoryview(data)))
        if len(boxes) != 1 or boxes[0][0] != b"jumb":
            raise _BoxError
        self._label(boxes[0][1])
        return boxes[0][1]

    def superboxes(self, content: memoryview) -> Iterator[tuple[str, memoryview]]:
        """Label and content of each superbox directly within a superbox's content."""
        for kind, inner in self._walk(content):
            if kind == b"jumb":
                yield self._label(inner), inner

    def cbor(self, content: memoryview) -> memoryview:
        """Content of the one CBOR box within a superbox's content."""
        found = [inner for kind, inner in self._walk(content) if kind == b"cbor"]
        if len(found) != 1:
            raise _BoxError
        return found[0]

    def file(self, content: memoryview) -> bytes:
        """The embedded file in a superbox's content (ISO/IEC 19566-5, B.3)."""
        found = [inner for kind, inner in self._walk(content) if kind == b"bidb"]
        if len(found) != 1:
            raise _BoxError
        return bytes(found[0])

    def _label(self, content: memoryview) -> str:
        kind, description = next(self._walk(content), (b"", content))
        # 16 bytes of type, one of toggles (bit 1: a label follows), and the label, which a zero byte ends.
        label, end, _ = bytes(description[17:]).partition(b"\0")
        if kind != b"jumd" or len(description) < 17 or not description[16] & 2 or not end:
            raise _BoxError
        try:
            return label.decode("utf-8")
        except UnicodeDecodeError:
            raise _BoxError from None

    def _walk(self, content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
        at = 0
        while at < len(content):
            self._left -= 1
            if self._left < 0 or len(content) - at < 8:
                raise _BoxError
            length, kind = struct.unpack_from(">I4s", content, at)
            header = 8
            if length == 1:
                if len(content) - at < 16:
                    raise _BoxError
                (length,) = struct.unpack_from(">Q", content, at + 8)
                header = 16
            elif length == 0:
                length = len(content) - at
            if not header <= length <= len(content) - at:
                raise _BoxError
            yield kind, content[at + header : at + length]
            at += length
