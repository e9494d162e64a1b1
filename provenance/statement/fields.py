"""A JSON object being read field by field into a typed value.

Each reader takes its field out of the object and checks it; a refusal names the field by its path
(`media.sha256: …`). What no reader asked for is left over: the unknown fields that survive a round trip.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Concatenate, ParamSpec, TypeVar

from provenance.errors import MalformedRecord, UnusableKey
from provenance.limits import MAX_IDENTIFIER_CHARACTERS, MAX_PUBLISHER_ID_CHARACTERS, MAX_SAFE_INTEGER
from provenance.statement.canonical import Json
from provenance.statement.encodings import decode_base64url
from provenance.statement.keys import PublicKey
from provenance.vocabulary import find_digital_source_type

T = TypeVar("T")
P = ParamSpec("P")

_DIGEST = re.compile(r"[0-9a-f]{64}")
_IDENTIFIER = re.compile(r"[!-~]+")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_PUBLISHER_ID = re.compile(r"[a-z0-9][a-z0-9-]*")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class Fields:
    """The fields of one JSON object that are still to be read.

    Every reader raises `MalformedRecord` when its field is missing, null, or not acceptable.
    """

    def __init__(self, value: Json, path: str = "") -> None:
        if not isinstance(value, dict):
            raise MalformedRecord(f"{path or 'record'}: a JSON object expected")
        self._unread: dict[str, Json] = dict(value)
        self._path = path

    def refusal(self, name: str, why: str) -> MalformedRecord:
        """The exception for a field, to be raised by the caller."""
        return MalformedRecord(f"{self._where(name)}: {why}")

    def rest(self) -> dict[str, Json]:
        """The unknown fields: what has not been read."""
        return self._unread

    def optional(
        self, read: Callable[Concatenate[str, P], T], name: str, *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """What `read` makes of the field, or None where it is absent. Null is not absence, and is refused."""
        return read(name, *args, **kwargs) if name in self._unread else None

    def text(self, name: str, limit: int) -> str:
        """1 to `limit` characters (Unicode code points), no control characters but newline and tab."""
        value = self._string(name)
        if not 1 <= len(value) <= limit:
            raise self.refusal(name, f"1 to {limit} characters expected, not {len(value)}")
        for character in value:
            if unicodedata.category(character) == "Cc" and character not in "\n\t":
                raise self.refusal(name, f"control character U+{ord(character):04X}")
        return value

    def identifier(self, name: str, limit: int = MAX_IDENTIFIER_CHARACTERS) -> str:
        """1 to `limit` visible ASCII characters, no space."""
        return self._matching(name, _IDENTIFIER, limit, "visible ASCII characters without space expected")

    def origin(self, name: str) -> str:
        """The name of a log: an identifier that can stand in a signed note (no `+`; C2SP signed-note)."""
        value = self.identifier(name)
        if "+" in value:
            raise self.refusal(name, "a log's origin holds no '+'")
        return value

    def publisher_id(self, name: str) -> str:
        """Lower-case letters, digits and hyphens, the first no hyphen."""
        expected = "lower-case letters, digits and hyphens expected"
        return self._matching(name, _PUBLISHER_ID, MAX_PUBLISHER_ID_CHARACTERS, expected)

    def media_type(self, name: str) -> str:
        """`type/subtype` in lower case, without parameters (RFC 6838 §4.2)."""
        return self._matching(name, _MEDIA_TYPE, MAX_IDENTIFIER_CHARACTERS, "a media type in lower case expected")

    def choice(self, name: str, values: Sequence[T]) -> T:
        """One of the given strings."""
        text = self._string(name)
        for value in values:
            if value == text:
                return value
        raise self.refusal(name, f"one of {', '.join(map(str, values))} expected")

    def integer(self, name: str, least: int = 1, most: int = MAX_SAFE_INTEGER) -> int:
        """An integer from `least` to `most`; neither a float nor a boolean."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.refusal(name, "an integer expected")
        if not least <= value <= most:
            raise self.refusal(name, f"{least} to {most} expected")
        return value

    def boolean(self, name: str) -> bool:
        """true or false."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise self.refusal(name, "true or false expected")
        return value

    def digest(self, name: str) -> bytes:
        """A SHA-256 digest: 32 bytes as 64 lower-case hexadecimal digits."""
        value = self._string(name)
        if not _DIGEST.fullmatch(value):
            raise self.refusal(name, "64 lower-case hexadecimal digits expected")
        return bytes.fromhex(value)

    def base64url(self, name: str, length: int) -> bytes:
        """Exactly `length` bytes in base64url without padding."""
        try:
            value = decode_base64url(self._string(name))
        except ValueError as error:
            raise self.refusal(name, str(error)) from error
        if len(value) != length:
            raise self.refusal(name, f"{length} bytes expected, not {len(value)}")
        return value

    def timestamp(self, name: str) -> datetime:
        """A time in whole seconds, UTC, written `YYYY-MM-DDTHH:MM:SSZ` (RFC 3339)."""
        value = self._string(name)
        if not _TIMESTAMP.fullmatch(value):
            raise self.refusal(name, "a time as YYYY-MM-DDTHH:MM:SSZ expected")
        try:
            time = datetime.fromisoformat(value)
        except ValueError as error:
            raise self.refusal(name, str(error)) from error
        if format_timestamp(name, time) != value:  # Python 3.14 takes 24:00:00 for the next midnight
            raise self.refusal(name, "a time of day from 00:00:00 to 23:59:59 expected")
        return time

    def key(self, name: str) -> PublicKey:
        """A public key as JWK."""
        return self._key(self._where(name), self._take(name))

    def keys(self, name: str, most: int) -> tuple[PublicKey, ...]:
        """1 to `most` public keys as JWK."""
        return tuple(self._key(f"{self._where(name)}[{i}]", jwk) for i, jwk in enumerate(self._array(name, most)))

    def digital_source_type(self, name: str) -> str:
        """The full IRI of a term of `provenance.vocabulary`."""
        value = self._string(name)
        term = find_digital_source_type(value)
        if term is None or term.iri != value:
            raise self.refusal(name, "the full IRI of an IPTC digital source type expected")
        return value

    def mapping(self, name: str, most: int) -> dict[str, Json]:
        """An object of at most `most` names that are identifiers, its values whatever JSON they are."""
        value = self._take(name)
        if not isinstance(value, dict) or len(value) > most:
            raise self.refusal(name, f"an object of at most {most} members expected")
        for key in value:
            if len(key) > MAX_IDENTIFIER_CHARACTERS or not _IDENTIFIER.fullmatch(key):
                raise self.refusal(f"{name}.{key[:MAX_IDENTIFIER_CHARACTERS]}", "not an identifier")
        return value

    def identifiers_by_name(self, name: str, most: int) -> dict[str, str]:
        """An object of at most `most` identifiers, each under a name that is one."""
        members = Fields(self.mapping(name, most), self._where(name))
        return {key: members.identifier(key) for key in list(members.rest())}

    def members(self, name: str) -> "Fields":
        """The fields of a nested object."""
        return Fields(self._take(name), self._where(name))

    def items(self, name: str, most: int) -> tuple["Fields", ...]:
        """The fields of each of 1 to `most` objects in an array."""
        return tuple(Fields(item, f"{self._where(name)}[{i}]") for i, item in enumerate(self._array(name, most)))

    def identifiers(self, name: str, most: int) -> tuple[str, ...]:
        """1 to `most` identifiers in an array."""
        return self.strings(name, most, _IDENTIFIER, MAX_IDENTIFIER_CHARACTERS)

    def digests(self, name: str, most: int) -> tuple[bytes, ...]:
        """1 to `most` SHA-256 digests in an array, 32 bytes each."""
        return tuple(map(bytes.fromhex, self.strings(name, most, _DIGEST, 64)))

    def strings(self, name: str, most: int, pattern: re.Pattern[str], limit: int) -> tuple[str, ...]:
        """1 to `most` strings of at most `limit` characters that match a pattern as a whole."""
        strings: list[str] = []
        for i, item in enumerate(self._array(name, most)):
            if not isinstance(item, str) or len(item) > limit or not pattern.fullmatch(item):
                raise self.refusal(f"{name}[{i}]", f"not of the form {pattern.pattern}, at most {limit} characters")
            strings.append(item)
        return tuple(strings)

    def _where(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _take(self, name: str) -> Json:
        if name not in self._unread:
            raise self.refusal(name, "missing")
        return self._unread.pop(name)

    def _string(self, name: str) -> str:
        value = self._take(name)
        if not isinstance(value, str):
            raise self.refusal(name, "a string expected")
        return value

    def _matching(self, name: str, pattern: re.Pattern[str], limit: int, expected: str) -> str:
        value = self._string(name)
        if len(value) > limit or not pattern.fullmatch(value):
            raise self.refusal(name, f"{expected}, at most {limit}")
        return value

    def _array(self, name: str, most: int) -> list[Json]:
        value = self._take(name)
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise self.refusal(name, f"an array of 1 to {most} items expected")
        return value

    def _key(self, where: str, jwk: Json) -> PublicKey:
        if not isinstance(jwk, dict):
            raise MalformedRecord(f"{where}: a JWK object expected")
        try:
            return PublicKey.from_jwk(jwk)
        except UnusableKey as error:
            raise MalformedRecord(f"{where}: {error}") from error


def format_timestamp(name: str, value: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`.

    Raises:
        MalformedRecord: without time zone, or with a fraction of a second; names the field.
    """
    if value.tzinfo is None or value.microsecond:
        raise MalformedRecord(f"{name}: a time in whole seconds with a time zone expected")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
