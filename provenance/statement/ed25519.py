"""Which Ed25519 encodings are acceptable: the checks of a strict verifier that OpenSSL leaves out.

RFC 8032 §5.1.3 and §5.1.7. OpenSSL reduces the y coordinate of a public key modulo p and takes points of small
order, so that one signature can verify under many keys and over any message. Here a point has one encoding, and the
eight points of small order are refused, as public key and as R. The equation itself is checked without the cofactor.
"""

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ORDER_8_Y = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _ORDER_8_Y, _P - _ORDER_8_Y})
"""The y coordinates of the points of order 1, 2, 4 and 8; each holds for both signs of x."""


def check_point(encoding: bytes) -> None:
    """Accepts the 32 bytes of a public key that a strict verifier may use.

    Raises:
        ValueError: another length, y not below p, a point of small order, or no point of the curve.
    """
    y = _checked_y(encoding)
    if pow((y * y - 1) * (_D * y * y + 1), (_P - 1) // 2, _P) != 1:
        raise ValueError("not a point of the Ed25519 curve")


def check_commitment(encoding: bytes) -> None:
    """Accepts the 32 bytes of a signature's R, of which OpenSSL compares the encoding with that of a point it computes.

    So what is no point of the curve is refused there, and the costly part of `check_point` can be left out.

    Raises:
        ValueError: another length, y not below p, or a point of small order.
    """
    _checked_y(encoding)


def _checked_y(encoding: bytes) -> int:
    if len(encoding) != 32:
        raise ValueError(f"an Ed25519 point has 32 bytes, not {len(encoding)}")
    y = int.from_bytes(encoding, "little") & (2**255 - 1)
    if y >= _P:
        raise ValueError("an Ed25519 point whose y coordinate is not reduced")
    if y in _SMALL_ORDER_Y:
        raise ValueError("an Ed25519 point of small order")
    return y


def check_scalar(encoding: bytes) -> None:
    """Accepts the 32 bytes of a signature's S below the group order.

    Raises:
        ValueError: S is not below L, so that a second signature over the same message could be derived.
    """
    if int.from_bytes(encoding, "little") >= _L:
        raise ValueError("an Ed25519 signature whose S is not reduced")
