"""Keys on a PKCS#11 token (OASIS PKCS #11 3.1), named by a URI (RFC 7512). Private keys never leave it.

    pkcs11:token=countermark;object=log?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/countermark/pin

`token` or `serial` names the token, `object` or `id` the key pair on it; `module-path` is the token's library, and the
PIN is in the file of `pin-source`, or in `pin-value`. Ed25519 (CKM_EDDSA) and P-256 (CKM_ECDSA) keys are accepted.

The Python bindings are the optional extra `pkcs11`.
"""

import hashlib
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from provenance.errors import SettingsInvalid, SignerUnavailable, UnusableKey
from provenance.limits import MAX_KEY_FILE_BYTES
from provenance.statement.keys import Algorithm, PublicKey

SCHEME = "pkcs11:"

_OCTET_STRING = 0x04
_PATH = frozenset({"token", "serial", "object", "id", "type"})
_QUERY = frozenset({"module-path", "pin-value", "pin-source"})


@dataclass(frozen=True)
class Pkcs11Uri:
    """The place of a key pair, parsed from a URI. Its `repr` leaves the PIN out.

    Attributes:
        module: path of the token's library.
        token, serial: of the token; one at least.
        label, key_id: of the key pair (CKA_LABEL, CKA_ID); one at least.
        pin_file: the file with the PIN, where that is not in the URI.
    """

    module: str
    token: str | None
    serial: str | None
    label: str | None
    key_id: bytes | None
    pin_file: Path | None
    pin: "_Secret | None"

    @classmethod
    def parse(cls, uri: str) -> "Pkcs11Uri":
        """Parse a URI. Raises SettingsInvalid, which names a missing, unknown or repeated attribute, never the PIN."""
        path, _, query = uri.removeprefix(SCHEME).partition("?")
        where, how = _attributes(path, ";", _PATH), _attributes(query, "&", _QUERY)
        if not uri.startswith(SCHEME) or where.get("type", b"private") != b"private":
            raise SettingsInvalid("a PKCS#11 URI begins with pkcs11: and names a private key, if it names a type")
        for names, given in ((("token", "serial"), where), (("object", "id"), where), (("module-path",), how)):
            if not any(name in given for name in names):
                raise SettingsInvalid(f"the PKCS#11 URI lacks {' or '.join(names)}")
        if ("pin-source" in how) == ("pin-value" in how):
            raise SettingsInvalid("the PKCS#11 URI has either pin-source or pin-value")
        pin_file = _text(how, "pin-source")
        return cls(
            module=_text(how, "module-path") or "",
            token=_text(where, "token"),
            serial=_text(where, "serial"),
            label=_text(where, "object"),
            key_id=where.get("id"),
            pin_file=None if pin_file is None else Path(pin_file.removeprefix("file://").removeprefix("file:")),
            pin=_Secret(_text(how, "pin-value") or "") if "pin-value" in how else None,
        )

    def read_pin(self) -> str:
        """The PIN. Raises SignerUnavailable if its file cannot be read."""
        if self.pin is not None:
            return self.pin.text
        try:
            with (self.pin_file or Path()).open("rb") as file:
                return file.read(MAX_KEY_FILE_BYTES).decode().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SignerUnavailable(f"the PIN file {self.pin_file} cannot be read") from error


class Pkcs11Signer:
    """A signer whose private key is on a token. Thread-safe; a broken session is reopened, once a signature.

    Several signers may use one token: they share the login of the first, and log in again after it has logged out.
    """

    def __init__(self, uri: Pkcs11Uri) -> None:
        """Open the token and find the key.

        Raises:
            SettingsInvalid: the extra `pkcs11` is not installed.
            SignerUnavailable: no such library, token or key, or a wrong PIN.
            UnusableKey: a key that is neither Ed25519 nor P-256.
        """
        try:
            import pkcs11
        except ImportError as error:
            raise SettingsInvalid(
                "keys on tokens need the extra pkcs11: pip install 'countermark-core[pkcs11]'"
            ) from error
        self._pkcs11 = pkcs11
        self._uri = uri
        self._lock = threading.Lock()
        # Under _lock:
        self._session: Any = None
        self._key: Any = None
        with self._lock:
            self._public_key = self._open()

    @property
    def public_key(self) -> PublicKey:
        """The key under which signatures verify."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """64 bytes that `public_key.verify` accepts. Raises SignerUnavailable."""
        mechanism, data = self._pkcs11.Mechanism.EDDSA, message
        if self._public_key.algorithm is Algorithm.ES256:
            mechanism, data = self._pkcs11.Mechanism.ECDSA, hashlib.sha256(message).digest()
        with self._lock:
            for last in (False, True):
                try:
                    if self._session is None and self._open() != self._public_key:
                        raise SignerUnavailable("the token has another key under this name now")
                    return bytes(self._key.sign(data, mechanism=mechanism))
                except self._pkcs11.PKCS11Error as error:
                    self._disconnect()
                    if last:
                        raise SignerUnavailable(f"the token does not sign: {_why(error)}") from error
        raise AssertionError("the second try returns or raises")

    def close(self) -> None:
        """End the session."""
        with self._lock:
            self._disconnect()

    def _open(self) -> PublicKey:
        attribute = self._pkcs11.Attribute
        uri = self._uri
        named: dict[Any, str | bytes] = {}
        if uri.label is not None:
            named[attribute.LABEL] = uri.label
        if uri.key_id is not None:
            named[attribute.ID] = uri.key_id
        try:
            library = self._pkcs11.lib(uri.module)
            serial = None if uri.serial is None else uri.serial.encode()
            token = library.get_token(token_label=uri.token, token_serial=serial)
            try:
                self._session = token.open(user_pin=uri.read_pin())
            except self._pkcs11.UserAlreadyLoggedIn:
                self._session = token.open()  # a login is the whole process's: another key's signer has done it
            private, public = (
                _only(list(self._session.get_objects({attribute.CLASS: kind, **named})), kind.name)
                for kind in (self._pkcs11.ObjectClass.PRIVATE_KEY, self._pkcs11.ObjectClass.PUBLIC_KEY)
            )
            self._key = private
            return _public_key(public[attribute.EC_POINT], private.key_type.name)
        except (self._pkcs11.PKCS11Error, RuntimeError) as error:  # RuntimeError: no such library
            self._disconnect()
            raise SignerUnavailable(f"the token's key cannot be opened: {_why(error)}") from error
        except (SignerUnavailable, UnusableKey):
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        session, self._session, self._key = self._session, None, None
        if session is not None:
            with suppress(self._pkcs11.PKCS11Error):  # it may be broken, which is why it is closed
                session.close()


@dataclass(frozen=True, repr=False)
class _Secret:
    """A text that no message and no `repr` shows."""

    text: str


def _attributes(text: str, separator: str, known: frozenset[str]) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for part in filter(None, text.split(separator)):
        name, equals, value = part.partition("=")
        if not equals or name not in known or name in found:
            raise SettingsInvalid(f"the PKCS#11 URI has {name!r} in the wrong place, twice, or without a value")
        found[name] = unquote_to_bytes(value)
    return found


def _text(attributes: Mapping[str, bytes], name: str) -> str | None:
    try:
        return attributes[name].decode() if name in attributes else None
    except UnicodeDecodeError as error:
        raise SettingsInvalid(f"{name} in the PKCS#11 URI is not UTF-8") from error


def _only(objects: list[Any], kind: str) -> Any:
    if len(objects) != 1:
        what = kind.lower().replace("_", " ")
        raise SignerUnavailable(f"the token has {len(objects)} {what}s of this name instead of one")
    return objects[0]


def _public_key(point: bytes, key_type: str) -> PublicKey:
    """CKA_EC_POINT is a DER OCTET STRING around the point; some tokens leave the wrapping out."""
    algorithm = {"EC_EDWARDS": Algorithm.ED25519, "EC": Algorithm.ES256}.get(key_type)
    if algorithm is None:
        raise UnusableKey(f"the token's key is of type {key_type}, not Ed25519 or P-256")
    length = 32 if algorithm is Algorithm.ED25519 else 65
    if len(point) == length + 2 and point[:2] == bytes([_OCTET_STRING, length]):
        point = point[2:]
    return PublicKey(algorithm, bytes(point))


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
