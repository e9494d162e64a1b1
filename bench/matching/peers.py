"""Peers: what others find copies with, computed on the same pictures in the same run.

Each is a hash whose nearest registered neighbour is the answer when it lies within a threshold.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass

import imagehash
import numpy as np
from iscc_lib import gen_image_code_v0
from PIL import Image

from bench.matching.screens import Picture
from provenance.media.canonical import draw_canonical
from provenance.media.pdq import pdq

try:
    import pdqhash
except ImportError:  # source-only on PyPI: it needs a C++ compiler
    pdqhash = None

PDQ_SOURCE = "pdqhash" if pdqhash else "our PDQ, which tests hold bit-equal to pdqhash"
HMA_THRESHOLD = 31
"""Bits of 256: what Hasher-Matcher-Actioner takes for a match of PDQ."""


@dataclass(frozen=True)
class Peer:
    """One hash: its bits, and how it is made from an upright RGB picture."""

    name: str
    bits: int
    digest: Callable[[Picture], bytes]


def _packed(hashed: imagehash.ImageHash) -> bytes:
    return np.packbits(hashed.hash).tobytes()


def _pdq(picture: Picture) -> bytes:
    canonical = draw_canonical(np.asarray(picture))
    if pdqhash is None:
        return pdq(canonical)[0]
    return np.packbits(pdqhash.compute(canonical)[0].astype(bool)).tobytes()


def _iscc(picture: Picture) -> bytes:
    """ISO 24138: 32 × 32 grey levels, scaled bicubically, as the ISCC SDK does."""
    grey = picture.convert("L").resize((32, 32), Image.Resampling.BICUBIC)
    return _decoded(gen_image_code_v0(grey.tobytes()).iscc)


def _decoded(iscc: str) -> bytes:
    """The body of an ISCC unit of 64 bits: Base32 after "ISCC:", behind a header of two bytes."""
    code = iscc.removeprefix("ISCC:")
    return base64.b32decode(code + "=" * (-len(code) % 8))[2:]


PEERS = (
    Peer("pHash", 64, lambda picture: _packed(imagehash.phash(picture))),
    Peer("dHash", 64, lambda picture: _packed(imagehash.dhash(picture))),
    Peer("PDQ", 256, _pdq),
    Peer("ISCC image", 64, _iscc),
)


def digests(picture: Picture) -> dict[str, str]:
    """The hash of each peer, hexadecimal."""
    return {peer.name: peer.digest(picture).hex() for peer in PEERS}
