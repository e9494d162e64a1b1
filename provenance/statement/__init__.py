"""What a publisher stated, in bytes that can be signed and checked again.

- `canonical`: JSON with exactly one encoding (RFC 8785)
- `record`: the four record types and their identity
- `statement`: the log entry, a COSE_Sign1 over a record's digest
- `keys`, `key_file`, `possession`: public keys, signers, encrypted key files, proof that a key is held
- `identity`: how it was established whom a key belongs to
- `fields`, `cbor`, `base64url`, `ed25519`: what the readers above are made of
"""
