"""Every bound on what Countermark accepts, with its unit and its reason."""

# Media ------------------------------------------------------------------------------------------

MAX_MEDIA_BYTES = 50 * 1024 * 1024
"""Bytes. A full-frame camera JPEG has 5-30 MB; larger uploads are refused before they are stored."""

MAX_DECODE_BYTES = 800 * 1024 * 1024
"""Bytes of memory one decode may be expected to take (pixels x `DECODE_BYTES_PER_PIXEL`): a worker has 1 GiB."""

DECODE_BYTES_PER_PIXEL = {
    "image/jpeg": 8,
    "image/png": 8,
    "image/gif": 8,
    "image/tiff": 12,
    "image/webp": 17,
    "image/avif": 16,
    "image/heic": 12,
}
"""Peak bytes per pixel from file to RGB array, by format (our measurement, rounded up for alpha and 10 bits): a WebP
header of 34 bytes took 745 MB to decode. JPEG at 8 lets in the 102-megapixel pictures of medium-format cameras."""

PROGRESSIVE_JPEG_BYTES_PER_PIXEL = 13
"""As above, for a progressive JPEG: its coefficients stay in memory until the last scan (12 measured for CMYK)."""

MAX_SIDE_PIXELS = 65_500
"""Pixels a side: the most that JPEG can state; also keeps 1 x N pictures from becoming huge rows."""

MAX_READS = 262_144
"""Pieces in which a decoder reads one file: a PNG of 50 MB in chunks of 1 KB has 200,000. Each fill byte of a JPEG is
one, each empty chunk of a PNG is two or more: 20 MB of them took all the time that a file is given."""

MAX_STRIPS = 65_536
"""Strips or tiles of a TIFF: one for each row of the tallest picture, as scanners write them. Pillow takes 20 µs for
each, and makes a list of them before it looks at the size."""

MAX_BOXES = 4_096
"""Boxes of an AVIF or HEIC, at all levels: of 200 megapixels in tiles it has some 1,600. c2pa compares each
with all others."""

MAX_TAGS = 4_096
"""Tags of one directory of a TIFF: cameras and scanners write less than 100. One may have `MAX_READS` numbers."""

MAX_EXIF_BYTES = 1024 * 1024
"""Bytes of EXIF, and of IPTC-IIM, that are read: a segment of a JPEG, in which cameras write them, holds 64 KB."""

CANONICAL_SIDE = 512
"""Pixels: longest side of the canonical picture that every fingerprint and comparison starts from."""

DETAIL_SIDE = 1024
"""Pixels: longest side at which parts of a picture are looked at: an inset of a fifth of the sides has 200 of them."""

FULL_DETAIL_SIDE = 2048
"""Pixels: longest side at which a picture is compared at full detail: a thousandth of its area is 53 pixels wide there,
and the whole takes about a second and a half of processor time."""

SKETCH_SIDE = 256
"""Pixels: longest side of the stored sketch. 128 px loses 4 points of pixel AUC (our measurement)."""

SKETCH_BYTES = 5 * 1024
"""Bytes that a sketch is drawn to: at 6 KB no more edits over 1 % of the area are found (ADR 0018)."""

MAX_SKETCH_BYTES = 6 * 1024
"""Bytes of a stored sketch that is read: earlier versions drew sketches of up to 6 KB."""

MAX_XMP_BYTES = 4 * 1024 * 1024
"""Bytes of XMP that are parsed: extended XMP of real files stays under 1 MB; bounds the XML parser."""

MAX_XMP_ELEMENTS = 50_000
"""Elements of one XMP packet: long edit histories have some 10,000; a parsed element takes 0.2 KB of memory."""

MAX_TEXT_BYTES = 8 * 1024 * 1024
"""Bytes of all text chunks of one PNG, decompressed: the largest ComfyUI workflows have about 1 MB."""

MAX_TEXT_CHUNKS = 256
"""Text chunks of one PNG that are read: generators write 1 to 5."""

MAX_DECLARED_CHARACTERS = 2_000
"""Characters of a declared title, caption or credit: IPTC-IIM's longest field, the caption, has 2,000."""

MAX_MARK_CHARACTERS = 300
"""Characters of a declared mark's value: enough to recognise the settings line of a generator."""

MAX_COUNTED_FRAMES = 1_000
"""Frames or pages that are counted; only the first is looked at, so more need no exact number."""

# Statements and the log -------------------------------------------------------------------------

MAX_ENTRY_BYTES = 65_535
"""Bytes of a log entry: C2SP tlog-tiles frames an entry with a 16-bit length."""

MAX_RECORD_BYTES = 65_535
"""Bytes of a record's canonical JSON: ten times the largest real one; bounds receipts and parsers."""

MAX_RECORD_DEPTH = 16
"""Nesting levels of a record's JSON: real ones have 4; bounds recursion before parsing."""

SALT_BYTES = 32
"""Bytes of random salt in each record, so that its digest reveals nothing to anyone without the record."""

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that JSON readers keep exact (RFC 7493 §2.2)."""

MAX_LINE_CHARACTERS = 500
"""Unicode code points of one line of text in a record, as a title or a name: IPTC's headline has 256."""

MAX_TEXT_CHARACTERS = 8_000
"""Unicode code points of a caption, reason or identity detail: IPTC's caption has 2,000; at most 32 KB of a record."""

MAX_IDENTIFIER_CHARACTERS = 255
"""Characters of an origin, media type, manifest id or version in a record: a C2PA manifest URN has about 100."""

MAX_PUBLISHER_ID_CHARACTERS = 63
"""Characters of a publisher's id: it stands in addresses and file names, and fits a DNS label (RFC 1035 §2.3.4)."""

MAX_VERIFIER_KEY_CHARACTERS = 2_048
"""Characters of a verifier key in a genesis record: one of ML-DSA-44 has about 1,800."""

MAX_GENESIS_KEYS = 16
"""Log keys, and operator keys, of a genesis record: one or two each; bounds the signatures tried."""

MAX_PARENTS = 64
"""Parents of an asset: a collage of dozens of pictures; verification walks each."""

MAX_GRAPH_NODES = 64
"""Records of one derivation graph: as many as a receipt's chain; more could not be read on one page."""

MAX_RESEMBLING = 64
"""Registrations listed as resembling another; their total is stated, and one of each publisher is listed first."""

MAX_FINGERPRINTS = 32
"""Fingerprint algorithms in a record: three today."""

MAX_VERDICT_AXES = 16
"""Axes of a recorded verdict: five today, and the standing."""

MAX_VERDICT_METHODS = 64
"""Methods that a recorded verdict rests on: a report has under ten findings of its own, and one for each match."""

MAX_VERDICT_RECORDS = 64
"""Registrations that a recorded verdict matches: a report lists 16."""

MAX_KEY_FILE_BYTES = 16 * 1024
"""Bytes of an encrypted private key file: an Ed25519 or P-256 key takes under 500."""

MAX_SIGNER_LINE_BYTES = 64 * 1024
"""Bytes of one line from a signer program: a key and a signature have under 200."""

SCRYPT_COST = 2**14
"""scrypt N of key files: 16 MiB of memory with `SCRYPT_BLOCK_SIZE`; OpenSSL reads up to 32 MiB by default."""

SCRYPT_BLOCK_SIZE = 8
"""scrypt r of key files (RFC 7914 §2)."""

SCRYPT_PARALLELISM = 5
"""scrypt p of key files: with N = 2**14 and r = 8 OWASP's password storage minimum; about 0.2 s a try."""

MAX_NOTE_BYTES = 1_000_000
"""Bytes of a signed note: checkpoints have under 1 KB, with 63 cosignatures under 10 KB (with ML-DSA: 250 KB)."""

MAX_NOTE_SIGNATURES = 100
"""Signature lines of a signed note: as Go's note package."""

MAX_COSIGNED_NAME_BYTES = 255
"""Bytes of UTF-8 of a cosigner's name, and of the origin it cosigns, with ML-DSA-44: one byte of length (C2SP)."""

MAX_POLICY_BYTES = 1_000_000
"""Bytes of a tlog-policy file: the most logs and witnesses that it may name, with ML-DSA-44 keys, have 500 KB."""

MAX_POLICY_NAMES = 128
"""Logs, witnesses and groups of a tlog-policy file, each: C2SP requires at least 32; bounds the recursion."""

MAX_WITNESS_REQUEST_BYTES = MAX_NOTE_BYTES + 4_096
"""Bytes of a request to a witness: the largest note, and 63 hash lines of 45 bytes."""

MAX_WITNESS_ANSWER_BYTES = 64 * 1024
"""Bytes of a witness's answer: 16 signature lines of ML-DSA-44 have 56 KB; a witness sends one or two."""

MAX_REFUSAL_CHARACTERS = 200
"""Characters kept of a witness's or time-stamping authority's refusal: for the operator's log."""

MAX_COSE_RECEIPT_BYTES = 16 * 1024
"""Bytes of a COSE receipt: 64 hashes have 2.2 KB; issuer, subject and key id have bounds of their own."""

MAX_RECEIPT_CLAIM_CHARACTERS = 2_000
"""Characters of the issuer, and of the subject, of a COSE receipt: they are URLs or names."""

MAX_KID_BYTES = 255
"""Bytes of a key id in a COSE receipt: ours have 32, and file names and addresses have to hold it."""

MAX_STATEMENT_RECEIPTS = 16
"""COSE receipts attached to one statement: one for each log; SCITT expects one or two."""

MAX_TIMESTAMP_BYTES = 64 * 1024
"""Bytes of an RFC 3161 response or token: with a certificate chain real ones have 2-8 KB."""

MAX_ANCHOR_BYTES = 256 * 1024
"""Bytes of one trust anchor in PEM: an authority's roots and intermediates have under 20 KB."""

MAX_PROOF_BYTES = 1_200_000
"""Bytes of a tlog-proof: the largest note, the largest extra data in base64, and 63 hash lines."""

MAX_PROOF_HASHES = 63
"""Hashes of an inclusion proof: the height of a tree of `MAX_TREE_SIZE` entries."""

MAX_PROOF_EXTRA_BYTES = 65_535
"""Bytes of the unauthenticated extra data of a tlog-proof: as much as an entry."""

MAX_RECEIPT_BYTES = 8 * 1024 * 1024
"""Bytes of a `.countermark` file: a chain of 64 records of the largest size."""

MAX_RECEIPT_RECORDS = 64
"""Records in `keys`, and in `chain`, of a receipt: an asset has a handful; bounds the signatures checked."""

MAX_TREE_SIZE = 2**63 - 1
"""Entries: the largest index that fits a signed 64-bit column and tlog-tiles' level range."""

TILE_WIDTH = 256
"""Hashes of a full tile (C2SP tlog-tiles, height 8)."""

MAX_TILE_WRITERS = 8
"""Tiles that are stored at the same time: a full batch of entries makes about a dozen."""

MAX_CACHED_TILES = 64
"""Tiles that a tile reader keeps: 2 MB with the nodes above them, and a proof in a log of 2**63 entries touches 16."""

MAX_CACHED_NODES = 16_384
"""Node hashes of a published tree that are kept: 2 MB, and most of what the proofs of a log of a million share."""

MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)
"""Bytes of an entry bundle: 256 entries of the largest size, each after its length."""

MAX_AUDIT_FINDINGS = 100
"""Findings of one audit: one is enough to distrust a log; a damaged disk causes thousands."""

MAX_COUNTED_KEYS = 10_000
"""Keys whose statements an audit counts one by one: as many publishers; bounds the memory that a hostile log takes."""

MAX_AUDIT_STATE_BYTES = 4 * 1024 * 1024
"""Bytes of an auditor's state file: two of the largest notes as base64, and 10,000 counted keys."""

# Witnesses and time-stamping authorities --------------------------------------------------------

COSIGNING_SECONDS = 10.0
"""Seconds that a witness has for one checkpoint, retries included: ten times what a distant one needs. Neither
publishing nor the other witnesses wait for it."""

ROUND_SECONDS = 2.0
"""Seconds that a round of cosigning waits for a quorum before the next may begin without the witnesses that have not
answered: twice what a distant witness needs."""

COSIGNATURE_REFRESH_SECONDS = 600.0
"""Seconds after which a witness is asked to cosign the same checkpoint again: readers may require a cosignature from
the last 15 minutes, and each costs the witness one durable write."""

COSIGNING_INTERVAL_SECONDS = 1.0
"""Seconds between the starts of two rounds of cosigning: the log may sign fifty checkpoints in one second, and a
witness writes durably before each answer."""

MAX_WITNESS_TRIES = 3
"""Requests to one witness for one checkpoint: the first, and two with a proof from the size in its answer."""

MIN_BACKOFF_SECONDS = 1.0
"""Seconds before the first retry of a witness or authority; doubled with each failure."""

MAX_BACKOFF_SECONDS = 300.0
"""Seconds between retries of one that keeps failing or refuses permanently: its recovery is noticed in that time."""

MAX_RETRY_AFTER_SECONDS = 3600.0
"""Seconds of a Retry-After that are honoured: nobody can delay the log for longer than an hour."""

TIMESTAMP_SECONDS = 10.0
"""Seconds that a time-stamping authority has to answer: real ones take under one."""

MAX_WITNESSED_LOGS = 1_024
"""Logs that one witness accepts: each has a file, and a lock."""

MAX_WITNESS_KEYS_BYTES = 1_000_000
"""Bytes of the file with the verifier keys of a witness's logs: 1,024 Ed25519 keys have 100 KB, in ML-DSA-44 2 MB."""

# HTTP -------------------------------------------------------------------------------------------

MAX_BODY_OVERHEAD_BYTES = 64 * 1024
"""Bytes a request body may have beyond its file: multipart boundaries, headers and the metadata field."""

MAX_JSON_BODY_BYTES = 256 * 1024
"""Bytes of a JSON request body: the largest record has 64 KB; bounds the parser."""

MAX_WAIT_SECONDS = 20.0
"""Seconds that a picture may be expected to wait for a worker: browsers and clients give up after 30 to 60."""

MAX_STATEMENTS = 1_000
"""Statements of one request: about as many as share one commit; the answer with proofs stays under 2 MB."""

MAX_LOOKUPS = 1_000
"""Files of one lookup: their digests have 300 KB, and an answer 100 ms."""

MAX_LOOKUP_BODY_BYTES = 512 * 1024
"""Bytes of the JSON body of a lookup: `MAX_LOOKUPS` files with every digest and fingerprint have 330 KB."""

MAX_LOOKUP_MATCHES = 8
"""Registrations listed of each file in a lookup, of each publisher one first: a report lists the others."""

FINGERPRINT_UNITS = 10
"""Digests that a fingerprint counts for in a lookup: it is searched for."""

BUCKET_UNITS = 100
"""Digests that a lookup by prefix counts for: it lists 100 registrations or more."""

REPORT_UNITS = 100
"""Digests that a report on digests alone counts for: it takes some 10 ms, and may be stored."""

MIN_BUCKET = 100
"""Registrations under one prefix of a SHA-256, on average, that a lookup by prefix hides among."""

MAX_BUCKET_DIGESTS = 8_192
"""Digests listed under one prefix: before a prefix gets longer, 1,600 registrations have some 3,200; and files can be
made whose digests begin alike."""

MAX_METADATA_BYTES = 56 * 1024
"""Bytes of the `metadata` field of a registration: the longest caption fits, and 8 KB of the overhead remain."""

MAX_SIDECAR_BYTES = 8 * 1024 * 1024
"""Bytes of a C2PA manifest that is uploaded beside a file: real ones stay under 1 MB, thumbnails included."""

MAX_PAGE_ITEMS = 100
"""Items of one page of a list."""

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Bytes of an answer that a client accepts: that to a registration holds a receipt (`MAX_RECEIPT_BYTES`)."""

MAX_ANSWERED_MEDIA_BYTES = MAX_MEDIA_BYTES + 16 * 1024 * 1024
"""Bytes of a picture that a client accepts: the largest upload, and the C2PA manifest of its credentialed copy."""

MAX_PROBLEM_BYTES = 64 * 1024
"""Bytes of an error answer that a client reads: our problem documents have under 10 KB."""

SCITT_WAIT_SECONDS = 2.0
"""Seconds that a submission waits for publication before the answer is Retry-After: publishing takes under 0.2."""

# The store --------------------------------------------------------------------------------------

MAX_COMMIT_JOBS = 1_024
"""Write jobs or log entries that share one commit: bounds how long the first waits for the last."""

MAX_PENDING_JOBS = 16_384
"""Write jobs or log entries that may wait for the writer; more are refused: some 40 MB of statements and records."""

WAL_LIMIT_BYTES = 32 * 1024 * 1024
"""Bytes of write-ahead log after which the writer waits for readers to finish, and truncates it."""

FAILOVER_SECONDS = 8.0
"""Seconds for which an append waits for a restarting database server, or for a new leader: a standby takes over
within 5."""

# Credentials ------------------------------------------------------------------------------------

MAX_MANIFEST_BYTES = 16 * 1024 * 1024
"""Bytes of a C2PA manifest store, and characters of its description as JSON: a chain of 21 manifests has 0.3 MB."""

MAX_JUMBF_BOXES = 10_000
"""Boxes looked at in one manifest store: a manifest has about 20, a chain of 21 manifests about 420."""

MAX_CREDENTIAL_ITEMS = 256
"""Actions, soft bindings and ingredients reported from one manifest store, of each kind."""

MAX_INGREDIENTS_DRAWN = 48
"""Ingredients of a credential that are drawn, the nearest first, with their thumbnails: more than anybody looks over in
a drawing. A list has the others."""

MAX_INGREDIENT_DEPTH = 8
"""Generations of ingredients that are drawn: a newsroom's chains of versions have three or four."""

MAX_INGREDIENT_THUMBNAIL_BYTES = 1024 * 1024
"""Bytes of an ingredient's thumbnail in a manifest store: those of common tools have 10 to 100 KB."""

MAX_INGREDIENT_THUMBNAIL_PIXELS = 4_000_000
"""Pixels of an ingredient's thumbnail, all of which are decoded to draw it: those of common tools have 1,024 a side."""

INGREDIENT_THUMBNAIL_SIDE = 116
"""Pixels of a drawn thumbnail's longest side: twice what the drawing has, for dense screens."""

MAX_CREDENTIAL_TEXT = 512
"""Characters kept of any untrusted text in a manifest (titles, names, addresses)."""
