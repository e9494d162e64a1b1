"""The time stamp of a claim: put into the room that the signature's padding keeps, and into the signed copy.

C2PA 2.2, section 10.3.2.5: `sigTst2` in the unprotected header of the claim's COSE_Sign1 holds RFC 3161 tokens over a
countersignature structure of its signature. c2pa itself would ask an authority over the network, which a worker
has not; so the token is brought here. Header and padding are covered by no signature or hash, and no length changes.
"""

from collections.abc import Callable

import cbor2

from provenance.credentials.manifest import read_signature
from provenance.errors import CredentialSigningFailed
from provenance.media.redaction.segments import reframe_gif, reframe_jpeg, reframe_png

_STAMP, _PAD = "sigTst2", "pad"
_REFRAMED = {"image/jpeg": reframe_jpeg, "image/png": reframe_png, "image/gif": reframe_gif}


def stamp_claim(manifests: bytes, stamp: Callable[[bytes], bytes]) -> bytes:
    """The manifest store with a time stamp of the active manifest's signature, as long as before.

    Args:
        manifests: JUMBF, as it was signed.
        stamp: takes the bytes to stamp, returns a TimeStampToken over their SHA-256, DER.

    Raises:
        CredentialSigningFailed: there is no room for the token. And whatever `stamp` raises.
    """
    signature = read_signature(manifests)
    if signature is None or manifests.count(signature) != 1:
        raise CredentialSigningFailed("the signed manifest is not of the form that was expected")
    sign1 = cbor2.loads(signature)
    protected, unprotected, payload, signed = sign1.value
    countersigned = cbor2.dumps(["CounterSignature", protected, b"", cbor2.dumps(signed)])
    stamped = {_STAMP: {"tstTokens": [{"val": stamp(countersigned)}]}, **unprotected}

    def padded(room: int) -> bytes:
        return cbor2.dumps(cbor2.CBORTag(sign1.tag, [protected, stamped | {_PAD: bytes(room)}, payload, signed]))

    room = len(unprotected.get(_PAD, b""))
    left = room - (len(padded(room)) - len(signature))
    if left < 0 or len(padded(left)) != len(signature):
        raise CredentialSigningFailed("the time stamp is larger than the room that a claim has for it")
    return manifests.replace(signature, padded(left))


def replace_manifests(copy: bytes, media_type: str, before: bytes, after: bytes) -> bytes:
    """A signed copy with `after` in the place of the manifest store `before`, which is as long.

    Raises:
        CredentialSigningFailed: the copy does not hold `before` as it should.
    """
    replaced = _REFRAMED.get(media_type, _replaced)(copy, before, after)
    if replaced is None or len(replaced) != len(copy):
        raise CredentialSigningFailed("the signed copy does not hold its manifest as was expected")
    return replaced


def _replaced(copy: bytes, before: bytes, after: bytes) -> bytes | None:
    return copy.replace(before, after) if copy.count(before) == 1 else None
