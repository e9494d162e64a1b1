"""Deterministic CBOR: RFC 8949 §4.2.1, written by cbor2 and read head by head.

The reader is asked for what must come next and takes nothing else: so there is one encoding, nothing is allocated
that was not expected, and no tag with a meaning of its own (dates, patterns, shared values) is ever interpreted.
"""

from enum import IntEnum

import cbor2

from provenance.errors import MalformedStatement


class Major(IntEnum):
    """The major types of CBOR (RFC 8949 §3.1) that statements and receipts are made of."""

    UNSIGNED = 0
    NEGATIVE = 1
    BYTES = 2
    TEXT = 3
    ARRAY = 4
    MAP = 5
    TAG = 6
    SIMPLE = 7


def encode_cbor(value: object) -> bytes:
    """Deterministic CBOR of ints, bytes, text, sequences, maps and tags.

    cbor2 sorts map keys by length first (RFC 7049 §3.9): the same order as §4.2.1 as long as no map mixes a
    negative key of one byte with a positive key of two or more.
    """
    return cbor2.dumps(value, canonical=True)


class CborReader:
    """A position in CBOR bytes. Every refusal is a `MalformedStatement` that names the item."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def head(self, major: Major, what: str) -> int:
        """The argument of the next item, which has to be of this major type and in its shortest form."""
        initial = self._take(1, what)[0]
        if initial >> 5 != major:
            raise MalformedStatement(f"{what}: CBOR {major.name.lower()} expected")
        short = initial & 0x1F
        if short < 24:
            return short
        if short > 27:
            raise MalformedStatement(f"{what}: indefinite or reserved length")
        width: int = 1 << (short - 24)
        argument = int.from_bytes(self._take(width, what), "big")
        if argument < (24 if width == 1 else 1 << (4 * width)):
            raise MalformedStatement(f"{what}: not in the shortest form")
        return argument

    def expect(self, major: Major, argument: int, what: str) -> None:
        """Passes over a head with exactly this argument."""
        if self.head(major, what) != argument:
            raise MalformedStatement(f"{what} expected")

    def integer(self, what: str) -> int:
        """The next integer of either sign."""
        if self._at < len(self._data) and self._data[self._at] >> 5 == Major.NEGATIVE:
            return -1 - self.head(Major.NEGATIVE, what)
        return self.head(Major.UNSIGNED, what)

    def byte_string(self, what: str, length: int | None = None) -> bytes:
        """The next byte string, of exactly `length` bytes where that is given."""
        size = self.head(Major.BYTES, what)
        if length is not None and size != length:
            raise MalformedStatement(f"{what}: {length} bytes expected, not {size}")
        return self._take(size, what)

    def text(self, what: str) -> str:
        """The next text string."""
        try:
            return self._take(self.head(Major.TEXT, what), what).decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedStatement(f"{what}: not UTF-8") from error

    def end(self, what: str) -> None:
        """Refuses bytes that follow."""
        if self._at != len(self._data):
            raise MalformedStatement(f"{len(self._data) - self._at} bytes follow the {what}")

    def _take(self, size: int, what: str) -> bytes:
        if size > len(self._data) - self._at:
            raise MalformedStatement(f"{what}: ends too early")
        self._at += size
        return self._data[self._at - size : self._at]
