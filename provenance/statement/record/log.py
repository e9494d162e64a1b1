"""`log.*` records, signed by the operator: genesis, key rotation, freeze."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from provenance.limits import MAX_GENESIS_KEYS, MAX_VERIFIER_KEY_CHARACTERS
from provenance.statement.canonical_json import Json
from provenance.statement.codec import IDENTIFIER, Codec, Key, Line, Text, array, item, refusal
from provenance.statement.encodings import decode_base64url, encode_base64url
from provenance.statement.keys import PublicKey
from provenance.statement.record.facts import Stated


def _read_origin(value: Json, path: str) -> str:
    origin = IDENTIFIER.read(value, path)
    if "+" in origin:
        raise refusal(path, "a log's origin holds no '+'")
    return origin


Origin = Annotated[str, Codec(_read_origin)]
"""The name of a log: an identifier that can stand in a signed note (no `+`; C2SP signed-note)."""

_VERIFIER_KEY = item(r"[!-*,-~]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}", MAX_VERIFIER_KEY_CHARACTERS)
VerifierKeys = Annotated[tuple[str, ...], array(_VERIFIER_KEY, MAX_GENESIS_KEYS)]
"""Of the form of a verifier key (C2SP signed-note)."""

_ENCODED_SIGNATURES = array(item(r"[A-Za-z0-9_-]{86}|[A-Za-z0-9_-]{3227}", 3227), 2 * MAX_GENESIS_KEYS)


def _read_signatures(value: Json, path: str) -> tuple[bytes, ...]:
    encoded = _ENCODED_SIGNATURES.read(value, path)
    try:
        return tuple(map(decode_base64url, encoded))
    except ValueError as error:
        raise refusal(path, str(error)) from error


Signatures = Annotated[tuple[bytes, ...], Codec(_read_signatures, lambda value, _: list(map(encode_base64url, value)))]
"""Each in base64url without padding: 64 bytes of Ed25519, or 2,420 of ML-DSA-44."""


@dataclass(frozen=True)
class LogGenesis(Stated):
    """The record at index 0, which names the log, its operator and its keys.

    Attributes:
        origin: the log's name in its checkpoints.
        operator: who runs the log, for people.
        log_keys: verifier keys of the log's checkpoints (C2SP signed-note); their form is checked here, their key
            where checkpoints are opened.
        operator_keys: may sign this record, `log.key` and `publisher.key` records.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "log.genesis"

    origin: Origin
    operator: Line
    log_keys: VerifierKeys
    operator_keys: Annotated[tuple[PublicKey, ...], array(Key, MAX_GENESIS_KEYS)]
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class LogKey(Stated):
    """A change of a log's keys, stated by an operator of the log and signed by the old keys and the new.

    It counts for every tree that holds it: a checkpoint of more entries than this record's index is signed with
    `log_keys`, and with no earlier key that is not among them.

    Attributes:
        log_keys: the verifier keys that are in force from here on, all of them; their form is checked here, their key
            where the change is followed.
        signatures: by each key that was in force and each of `log_keys` (see `transparency.log_keys`, which has the
            message and the order): 64 bytes of Ed25519, or 2,420 of ML-DSA-44.
        reason: why.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "log.key"

    log_keys: VerifierKeys
    signatures: Signatures
    reason: Text | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class LogFrozen(Stated):
    """The end of a log: no entry follows, and all that is in it stays provable under its last checkpoint.

    Attributes:
        reason: why, for people, and where the registry goes on, if it does.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "log.frozen"

    reason: Text
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)
