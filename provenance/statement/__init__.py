"""What a publisher stated, in bytes that can be signed and checked again.

- `canonical_json`: JSON with exactly one encoding (RFC 8785)
- `record`: the types of records, and the identity of a record
- `statement`: the log entry, a COSE_Sign1 (`cose`) over a record's digest
- `keys`, `key_file`, `handover`: public keys, signers, encrypted key files, proof that a key is held or handed over
- `appearance_digest`: the digest, of what decides how pixels are shown
- `codec`, `cbor`, `encodings`, `ed25519`: what the readers above are made of
"""
