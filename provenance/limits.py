"""Every bound on what Countermark takes in, with its unit and its reason."""

# Media ------------------------------------------------------------------------------------------

MAX_MEDIA_BYTES = 50 * 1024 * 1024
"""Bytes. A full-frame camera JPEG has 5-30 MB; larger uploads are refused before they are stored."""

MAX_DECODE_BYTES = 800 * 1024 * 1024
"""Bytes of memory one decode may be expected to take (pixels x `DECODE_BYTES_PER_PIXEL`): a worker has 1 GiB."""

DECODE_BYTES_PER_PIXEL = {
    "image/jpeg": 4,
    "image/png": 4,
    "image/gif": 4,
    "image/tiff": 4,
    "image/webp": 16,
    "image/avif": 9,
    "image/heic": 9,
}
"""Measured peak bytes per pixel by format: a 34-byte WebP header took 745 MB to decode."""

MAX_SIDE_PIXELS = 65_500
"""Pixels a side: the most that JPEG can state; also keeps 1 x N pictures from becoming huge rows."""

CANONICAL_SIDE = 512
"""Pixels: longest side of the canonical picture that every fingerprint and comparison starts from."""

SKETCH_SIDE = 256
"""Pixels: longest side of the stored sketch. 128 px loses 4 points of pixel AUC (our measurement)."""

MAX_SKETCH_BYTES = 6 * 1024
"""Bytes of the stored sketch: at 5-6 KB the difference map is within 1 % of an uncompressed sketch."""

MAX_XMP_BYTES = 4 * 1024 * 1024
"""Bytes of XMP that are parsed: extended XMP of real files stays under 1 MB; bounds the XML parser."""

# Statements and the log -------------------------------------------------------------------------

MAX_ENTRY_BYTES = 65_535
"""Bytes of a log entry: C2SP tlog-tiles frames an entry with a 16-bit length."""

MAX_RECORD_BYTES = 65_535
"""Bytes of a record's canonical JSON: ten times the largest real one; bounds receipts and parsers."""

MAX_RECORD_DEPTH = 16
"""Nesting levels of a record's JSON: real ones have 4; bounds recursion before parsing."""

SALT_BYTES = 32
"""Bytes of random salt in each record, so that its digest tells nothing to who does not hold it."""

MAX_NOTE_BYTES = 1_000_000
"""Bytes of a signed note: checkpoints have under 1 KB, with 63 cosignatures under 10 KB (witnesses with ML-DSA: 250 KB)."""

MAX_NOTE_SIGNATURES = 100
"""Signature lines of a signed note: as Go's note package."""

MAX_RECEIPT_BYTES = 8 * 1024 * 1024
"""Bytes of a `.countermark` file: a chain of 64 records of the largest size."""

MAX_TREE_SIZE = 2**63 - 1
"""Entries: the largest index that fits a signed 64-bit column and tlog-tiles' level range."""

TILE_WIDTH = 256
"""Hashes of a full tile (C2SP tlog-tiles, height 8)."""
