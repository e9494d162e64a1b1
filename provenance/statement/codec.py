"""How the objects of a record stand in JSON: a dataclass whose fields name their codecs, which both read and write.

    reason: Annotated[str, text(MAX_TEXT_CHARACTERS)]
    counterclaim: Sha256 | None = None

A field with a default may be absent, and is left out where it has its default: never null, never empty. A field that
is a dataclass is an object, a `Literal` one of its strings. Unknown fields survive a round trip in `extra`, which every
such dataclass has. A refusal names the field by its path (`media.sha256: …`).
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from provenance.errors import MalformedRecord, UnusableKey
from provenance.limits import (
    MAX_IDENTIFIER_CHARACTERS,
    MAX_LINE_CHARACTERS,
    MAX_PUBLISHER_ID_CHARACTERS,
    MAX_SAFE_INTEGER,
    MAX_TEXT_CHARACTERS,
)
from provenance.statement.canonical_json import Json
from provenance.statement.encodings import decode_base64url, encode_base64url
from provenance.statement.keys import SIGNATURE_BYTES, PublicKey

T = TypeVar("T")

IDENTIFIER_FORM = "[!-~]+"

_SEEN = frozenset("LMNPS")
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""Of the categories that are seen (letters, marks, numbers, punctuation, symbols), what is not: default-ignorable
characters (Unicode 15, DerivedCoreProperties), and the blank of Braille."""
_DIGEST_FORM = "[0-9a-f]{64}"


@dataclass(frozen=True)
class Codec(Generic[T]):
    """How one kind of value stands in JSON.

    Attributes:
        read: the value that JSON at a path stands for; raises MalformedRecord, naming the path.
        write: the JSON of a value at a path.
    """

    read: Callable[[Json, str], T]
    write: Callable[[Any, str], Json] = lambda value, _: value


def refusal(path: str, why: str) -> MalformedRecord:
    """The exception for a field, to be raised by the caller."""
    return MalformedRecord(f"{path}: {why}")


def take(members: dict[str, Json], name: str, codec: Codec[T], path: str = "") -> T:
    """A member of the object at `path`, read and removed. Raises MalformedRecord, also where it is missing."""
    where = f"{path}.{name}" if path else name
    if name not in members:
        raise refusal(where, "missing")
    return codec.read(members.pop(name), where)


def read_object(cls: Callable[..., T], value: Json, path: str = "") -> T:
    """The object that JSON at a path stands for. Raises MalformedRecord."""
    if not isinstance(value, dict):
        raise refusal(path or "record", "a JSON object expected")
    unread = dict(value)
    known = {
        name: take(unread, name, codec, path)
        for name, codec, default in _members(cls)
        if default is MISSING or name in unread
    }
    read: T = cls(**known, extra=unread)
    return read


def write_object(value: Any, path: str = "") -> dict[str, Json]:
    """The JSON of an object, unknown fields included.

    Raises:
        MalformedRecord: a time without zone or with a fraction of a second.
    """
    cls: Any = type(value)
    written: dict[str, Json] = dict(value.extra)
    for name, codec, default in _members(cls):
        member = getattr(value, name)
        if member != default:
            written[name] = codec.write(member, f"{path}.{name}" if path else name)
    return written


@cache
def _members(cls: type) -> tuple[tuple[str, Codec[Any], object], ...]:
    """Name, codec and default (or MISSING) of each field but `extra`."""
    return tuple((each.name, _codec_of(each.type), each.default) for each in fields(cls) if each.name != "extra")


def _codec_of(hint: Any) -> Codec[Any]:
    for mark in getattr(hint, "__metadata__", ()):
        if isinstance(mark, Codec):
            return mark
    if get_origin(hint) in (Union, UnionType):  # with None, for a field that may be absent
        return _codec_of(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return choice(get_args(hint))
    if isinstance(hint, type) and is_dataclass(hint):
        return Codec(partial(read_object, hint), write_object)
    raise TypeError(f"{hint} has no codec")


def is_visible(text: str) -> bool:
    """Whether a reader sees anything of a text: some character is of a category that is seen, and no blank.

    Spaces and controls are not, nor what no font shows: for private use, unassigned, no character at all.
    """
    return any(unicodedata.category(each)[0] in _SEEN and each not in _BLANK for each in text)


def text(limit: int) -> Codec[str]:
    """1 to `limit` characters (Unicode code points), no control characters but newline and tab.

    A text of which nothing is visible is not written; it is read, because earlier versions have logged it.
    """

    def read(value: Json, path: str) -> str:
        value = _string(value, path)
        if not 1 <= len(value) <= limit:
            raise refusal(path, f"1 to {limit} characters expected, not {len(value)}")
        for character in value:
            if unicodedata.category(character) == "Cc" and character not in "\n\t":
                raise refusal(path, f"control character U+{ord(character):04X}")
        return value

    def write(value: str, path: str) -> Json:
        if value and not is_visible(value):
            raise refusal(path, "no character of this text is visible")
        return value

    return Codec(read, write)


def matching(pattern: str, expected: str, limit: int = MAX_IDENTIFIER_CHARACTERS) -> Codec[str]:
    """At most `limit` characters that match a pattern as a whole, which `expected` says in words."""

    def read(value: Json, path: str) -> str:
        value = _string(value, path)
        if len(value) > limit or not re.fullmatch(pattern, value):
            raise refusal(path, f"{expected} expected, at most {limit}")
        return value

    return Codec(read)


def item(pattern: str, limit: int = MAX_IDENTIFIER_CHARACTERS) -> Codec[str]:
    """As `matching`, for what stands in an array: the refusal tells the pattern."""

    def read(value: Json, path: str) -> str:
        if not isinstance(value, str) or len(value) > limit or not re.fullmatch(pattern, value):
            raise refusal(path, f"not of the form {pattern}, at most {limit} characters")
        return value

    return Codec(read)


def choice(values: Sequence[T]) -> Codec[T]:
    """One of the given strings."""

    def read(value: Json, path: str) -> T:
        text = _string(value, path)
        for each in values:
            if each == text:
                return each
        raise refusal(path, f"one of {', '.join(map(str, values))} expected")

    return Codec(read)


def integer(least: int = 1, most: int = MAX_SAFE_INTEGER) -> Codec[int]:
    """An integer from `least` to `most`; neither a float nor a boolean."""

    def read(value: Json, path: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise refusal(path, "an integer expected")
        if not least <= value <= most:
            raise refusal(path, f"{least} to {most} expected")
        return value

    return Codec(read)


def base64url(length: int) -> Codec[bytes]:
    """Exactly `length` bytes in base64url without padding."""

    def read(value: Json, path: str) -> bytes:
        text = _string(value, path)
        try:
            data = decode_base64url(text)
        except ValueError as error:
            raise refusal(path, str(error)) from error
        if len(data) != length:
            raise refusal(path, f"{length} bytes expected, not {len(data)}")
        return data

    return Codec(read, lambda value, _: encode_base64url(value))


def array(of: Any, most: int) -> Codec[tuple[Any, ...]]:
    """1 to `most` items of a codec, or of a type that has one."""
    codec = of if isinstance(of, Codec) else _codec_of(of)

    def read(value: Json, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise refusal(path, f"an array of 1 to {most} items expected")
        return tuple(codec.read(each, f"{path}[{i}]") for i, each in enumerate(value))

    return Codec(read, lambda value, path: [codec.write(each, f"{path}[{i}]") for i, each in enumerate(value)])


def mapping(most: int, member: Codec[Any] | None = None) -> Codec[dict[str, Any]]:
    """An object of at most `most` names that are identifiers; its values are read by `member`, or any JSON."""

    def read(value: Json, path: str) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > most:
            raise refusal(path, f"an object of at most {most} members expected")
        for key in value:
            if len(key) > MAX_IDENTIFIER_CHARACTERS or not re.fullmatch(IDENTIFIER_FORM, key):
                raise refusal(f"{path}.{key[:MAX_IDENTIFIER_CHARACTERS]}", "not an identifier")
        return value if member is None else {key: member.read(each, f"{path}.{key}") for key, each in value.items()}

    return Codec(read, lambda value, _: dict(value))


def format_timestamp(value: datetime, path: str) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`.

    Raises:
        MalformedRecord: without time zone, or with a fraction of a second; names the field.
    """
    if value.tzinfo is None or value.microsecond:
        raise refusal(path, "a time in whole seconds with a time zone expected")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def _read_timestamp(value: Json, path: str) -> datetime:
    text = _string(value, path)
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", text):
        raise refusal(path, "a time as YYYY-MM-DDTHH:MM:SSZ expected")
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise refusal(path, str(error)) from error
    if format_timestamp(time, path) != text:  # Python 3.14 takes 24:00:00 for the next midnight
        raise refusal(path, "a time of day from 00:00:00 to 23:59:59 expected")
    return time


def _read_sha256(value: Json, path: str) -> bytes:
    text = _string(value, path)
    if not re.fullmatch(_DIGEST_FORM, text):
        raise refusal(path, "64 lower-case hexadecimal digits expected")
    return bytes.fromhex(text)


def _read_boolean(value: Json, path: str) -> bool:
    if not isinstance(value, bool):
        raise refusal(path, "true or false expected")
    return value


def _read_key(value: Json, path: str) -> PublicKey:
    if not isinstance(value, dict):
        raise refusal(path, "a JWK object expected")
    try:
        return PublicKey.from_jwk(value)
    except UnusableKey as error:
        raise refusal(path, str(error)) from error


def _string(value: Json, path: str) -> str:
    if not isinstance(value, str):
        raise refusal(path, "a string expected")
    return value


PUBLISHER_ID = matching("[a-z0-9][a-z0-9-]*", "lower-case letters, digits and hyphens", MAX_PUBLISHER_ID_CHARACTERS)
IDENTIFIER = matching(IDENTIFIER_FORM, "visible ASCII characters without space")
IDENTIFIER_ITEM = item(IDENTIFIER_FORM)
_DIGEST_ITEM = item(_DIGEST_FORM, 64)
SHA256_ITEM = Codec(lambda value, path: bytes.fromhex(_DIGEST_ITEM.read(value, path)), lambda value, _: value.hex())

Boolean = Annotated[bool, Codec(_read_boolean)]
Count = Annotated[int, integer()]
Identifier = Annotated[str, IDENTIFIER]
"""1 to 128 visible ASCII characters, no space."""
Key = Annotated[PublicKey, Codec(_read_key, lambda value, _: value.to_jwk())]
"""A public key as JWK."""
Line = Annotated[str, text(MAX_LINE_CHARACTERS)]
PublisherId = Annotated[str, PUBLISHER_ID]
"""Lower-case letters, digits and hyphens, the first no hyphen."""
Sha256 = Annotated[bytes, Codec(_read_sha256, lambda value, _: value.hex())]
"""32 bytes as 64 lower-case hexadecimal digits."""
Signature = Annotated[bytes, base64url(SIGNATURE_BYTES)]
Text = Annotated[str, text(MAX_TEXT_CHARACTERS)]
Timestamp = Annotated[datetime, Codec(_read_timestamp, format_timestamp)]
"""In whole seconds, UTC, written `YYYY-MM-DDTHH:MM:SSZ` (RFC 3339)."""
