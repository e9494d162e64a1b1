"""A reader of logs that shares nothing with ours: the standard library, and `cryptography` for the signatures.

Written from the public texts alone: RFC 6962 §2.1 (trees), C2SP signed-note, tlog-checkpoint and tlog-tiles, RFC 9052
(COSE_Sign1), RFC 8949 (CBOR). It is slow and plain, holds everything in memory, and believes nothing.
"""

import base64
import hashlib
import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

Key = Ed25519PublicKey | EllipticCurvePublicKey


class Disagreement(AssertionError):
    """The log is not what the public texts say."""


@dataclass(frozen=True)
class Head:
    """What a checkpoint states."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class Signed:
    """A COSE_Sign1, taken apart."""

    protected: bytes
    headers: dict[int, object]
    payload: bytes
    signature: bytes


def get(url: str) -> bytes | None:
    """A resource, or None where there is none."""
    try:
        with urllib.request.urlopen(url) as answer:  # a loopback address of the tests
            data: bytes = answer.read()
            return data
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


# RFC 6962 ----------------------------------------------------------------------------------------


def tree_hash(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1, word for word."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + tree_hash(entries[:k]) + tree_hash(entries[k:])).digest()


def root_from_path(entry: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an audit path leads to, by the recursion of RFC 6962 §2.1.1."""
    if size == 1:
        if path:
            raise Disagreement("the audit path is too long")
        return hashlib.sha256(b"\x00" + entry).digest()
    k = 1
    while k * 2 < size:
        k *= 2
    if not path:
        raise Disagreement("the audit path is too short")
    if index < k:
        return hashlib.sha256(b"\x01" + root_from_path(entry, index, k, path[:-1]) + path[-1]).digest()
    return hashlib.sha256(b"\x01" + path[-1] + root_from_path(entry, index - k, size - k, path[:-1])).digest()


# C2SP --------------------------------------------------------------------------------------------


def open_note(note: bytes, vkey: str) -> Head:
    """A checkpoint that the key has signed."""
    name, key_id, material = vkey.split("+", 2)
    key = base64.b64decode(material)
    if key[0] != 1 or len(key) != 33:
        raise Disagreement("not an Ed25519 verifier key")
    if hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() != key_id:
        raise Disagreement("the key id is not of this key")
    text, blank, lines = note.rpartition(b"\n\n")
    if not blank:
        raise Disagreement("no signatures")
    text += b"\n"
    verified = False
    for line in lines.decode().splitlines():
        dash, signer, encoded = line.split(" ")
        signature = base64.b64decode(encoded)
        if dash == "—" and signer == name and signature[:4].hex() == key_id:
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text)
            verified = True
    if not verified:
        raise Disagreement("the log has not signed")
    origin, size, root = text.decode().splitlines()[:3]
    if origin != name or str(int(size)) != size:
        raise Disagreement("not a checkpoint of this log")
    return Head(origin, int(size), base64.b64decode(root))


def place(number: int) -> str:
    """A tile's number in a path."""
    digits = f"{number:03}" if number < 1000 else f"{number:0{-(-len(str(number)) // 3) * 3}}"
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])


def tile(url: str, kind: str, number: int, width: int) -> bytes:
    """A tile: the partial one, or the full one in its place."""
    full = f"{url}/tile/{kind}/{place(number)}"
    data = get(full) if width == 256 else get(f"{full}.p/{width}") or get(full)
    if data is None:
        raise Disagreement(f"{full} of {width} is missing")
    return data


def unpack(bundle: bytes) -> list[bytes]:
    """The entries of a bundle."""
    entries = []
    while bundle:
        length = bundle[0] << 8 | bundle[1]
        if len(bundle) < 2 + length:
            raise Disagreement("a bundle ends within an entry")
        entries.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    return entries


def read_log(url: str, vkey: str) -> tuple[Head, list[bytes]]:
    """The whole log: all its entries, after every tile and the root agree with them."""
    note = get(f"{url}/checkpoint")
    if note is None:
        raise Disagreement("no checkpoint")
    head = open_note(note, vkey)
    entries: list[bytes] = []
    for number in range(-(-head.size // 256)):
        width = min(256, head.size - number * 256)
        entries += unpack(tile(url, "entries", number, width))[:width]
    if len(entries) != head.size:
        raise Disagreement("the bundles do not hold as many entries as the checkpoint says")
    if tree_hash(entries) != head.root:
        raise Disagreement("the entries do not lead to the root")
    level, count = 0, head.size
    while count:
        for number in range(-(-count // 256)):
            width = min(256, count - number * 256)
            span = 256**level
            first = number * 256
            expected = b"".join(
                tree_hash(entries[each * span : (each + 1) * span]) for each in range(first, first + width)
            )
            if tile(url, str(level), number, width)[: width * 32] != expected:
                raise Disagreement(f"tile {number} of level {level} is not of these entries")
        level, count = level + 1, count // 256
    return head, entries


def open_tlog_proof(proof: bytes, vkey: str) -> tuple[int, bytes]:
    """(index, entry) of a C2SP tlog-proof that carries its entry as extra data."""
    head, _, note = proof.partition(b"\n\n")
    first, extra, index, *path = head.decode().split("\n")
    if first != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra ") or not index.startswith("index "):
        raise Disagreement("not a tlog-proof with extra data")
    entry = base64.b64decode(extra.removeprefix("extra "))
    number = int(index.removeprefix("index "))
    tree = open_note(note, vkey)
    if root_from_path(entry, number, tree.size, [base64.b64decode(line) for line in path]) != tree.root:
        raise Disagreement("the proof does not lead to the root")
    return number, entry


# CBOR and COSE ---------------------------------------------------------------------------------


def decode(data: bytes) -> object:
    """One CBOR item of the kinds that COSE needs, and nothing after it."""
    item, rest = _decode(data)
    if rest:
        raise Disagreement("bytes after a CBOR item")
    return item


def _decode(data: bytes) -> tuple[object, bytes]:
    major, short = data[0] >> 5, data[0] & 31
    data = data[1:]
    number = short
    if short >= 24:
        width = 1 << (short - 24)
        number, data = int.from_bytes(data[:width], "big"), data[width:]
    match major:
        case 0:
            return number, data
        case 1:
            return -1 - number, data
        case 2:
            return data[:number], data[number:]
        case 3:
            return data[:number].decode(), data[number:]
        case 4:
            items = []
            for _ in range(number):
                item, data = _decode(data)
                items.append(item)
            return items, data
        case 5:
            pairs: dict[object, object] = {}
            for _ in range(number):
                key, data = _decode(data)
                pairs[key], data = _decode(data)
            return pairs, data
        case 6:
            item, data = _decode(data)
            return ("tag", number, item), data
        case _:
            return (None if number == 22 else number), data


def sign1(entry: object) -> Signed:
    """The parts of a COSE_Sign1."""
    match entry:
        case ("tag", 18, [bytes(protected), dict(), payload, bytes(signature)]):
            headers = decode(protected)
            if isinstance(headers, dict) and isinstance(payload, bytes | None):
                return Signed(protected, headers, payload or b"", signature)
    raise Disagreement("not a COSE_Sign1")


def detach(transparent: bytes) -> tuple[bytes, bytes]:
    """The log entry, and the first receipt that rides on it in header 394 (RFC 9943)."""
    match decode(transparent):
        case ("tag", 18, [bytes(protected), {394: [bytes(receipt), *_]}, bytes(payload), bytes(signature)]):
            parts = b"".join(_string(0x40, part) for part in (payload, signature))
            return b"\xd2\x84" + _string(0x40, protected) + b"\xa0" + parts, receipt
    raise Disagreement("not a transparent statement")


def open_receipt(receipt: bytes) -> tuple[Signed, tuple[int, int, list[bytes]]]:
    """A COSE receipt of inclusion (RFC 9942), and its proof: size, index, path."""
    match decode(receipt):
        case ("tag", 18, [bytes(protected), {396: {-1: [bytes(inclusion)]}}, None, bytes(signature)]):
            headers = decode(protected)
            match decode(inclusion):
                case [int(size), int(index), [*path]] if isinstance(headers, dict) and headers.get(395) == 1:
                    return Signed(protected, headers, b"", signature), (size, index, path)
    raise Disagreement("not a receipt of inclusion")


def verify_sign1(signed: Signed, key: Key, payload: bytes) -> None:
    """Check the signature with an Ed25519 or P-256 key (RFC 9052 §4.4, RFC 9053 §2)."""
    parts = _string(0x60, b"Signature1"), _string(0x40, signed.protected), _string(0x40, b""), _string(0x40, payload)
    message = b"\x84" + b"".join(parts)
    if isinstance(key, Ed25519PublicKey):
        key.verify(signed.signature, message)
    else:
        r, s = (int.from_bytes(half, "big") for half in (signed.signature[:32], signed.signature[32:]))
        key.verify(encode_dss_signature(r, s), message, ECDSA(SHA256()))


def _string(major: int, data: bytes) -> bytes:
    return (bytes([major + len(data)]) if len(data) < 24 else bytes([major + 24, len(data)])) + data


def key_of(jwk: dict[str, str]) -> tuple[bytes, Key]:
    """The public key of a JWK, under its COSE key thumbprint (RFC 9679)."""
    x = base64.urlsafe_b64decode(jwk["x"] + "=")
    if jwk["kty"] == "OKP":
        return hashlib.sha256(b"\xa3\x01\x01\x20\x06\x21\x58\x20" + x).digest(), Ed25519PublicKey.from_public_bytes(x)
    y = base64.urlsafe_b64decode(jwk["y"] + "=")
    thumbprint = hashlib.sha256(b"\xa4\x01\x02\x20\x01\x21\x58\x20" + x + b"\x22\x58\x20" + y).digest()
    return thumbprint, EllipticCurvePublicKey.from_encoded_point(SECP256R1(), b"\x04" + x + y)


def record_at(service: str, payload: bytes) -> dict[str, object] | None:
    """The record that a statement is about, where the service shows it."""
    data = get(f"{service}/v1/records/{payload.hex()}")
    if data is None:
        return None
    if hashlib.sha256(data).digest() != payload:
        raise Disagreement("the record is another")
    record: dict[str, object] = json.loads(data)
    return record
