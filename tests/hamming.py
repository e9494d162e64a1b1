"""How far two hashes are apart."""


def hamming(a: bytes, b: bytes) -> int:
    """The number of bits in which two hashes of the same length differ."""
    assert len(a) == len(b)
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()
