"""Our own parsers, each as a function of bytes, and what they are fuzzed from.

    python -m tests.security.parsers GROUP RUNS FOLDER

fuzzes those of a group with atheris, which sees which lines they reach: an input's first byte says which parser gets
the X
"""

import base64
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
MOST_BYTES = 8192
"""Of an input: parsers of ours read heads and lengths, and a longer one reaches no other lines."""


@dataclass(frozen=True)
class Target:
    """`refused`: what it raises besides CountermarkError for bytes that it does not take."""

    parse: Callable[[bytes], object]
    seeds: Sequence[bytes]
    refused: tuple[type[Exception], ...] = ()


def of_the_log() -> dict[str, Target]:
    """What a log, its witnesses, its receipts and the workers say. The imports are here, so that atheris sees them."""
    from provenance.receipts.other_formats import parse_any_receipt
    from provenance.receipts.procedure import verify_receipt
    from provenance.receipts.receipt import Receipt
    from provenance.statement.canonical_json import parse_canonical
    from provenance.statement.keys import parse_public_key
    from provenance.statement.record import parse_record
    from provenance.statement.statement import parse_statement
    from provenance.transparency import cose_receipt
    from provenance.transparency.checkpoint import SignedCheckpoint
    from provenance.transparency.cosignature import Cosignature
    from provenance.transparency.note import Note, VerifierKey
    from provenance.transparency.policy import Policy
    from provenance.transparency.tiles import parse_entry_bundle, parse_tile_path
    from provenance.transparency.timestamp import TimestampRequest, read_response
    from provenance.transparency.tlog_proof import TlogProof
    from provenance.transparency.witness import AddCheckpoint
    from registry.sandbox.frames import AnswerError, decode_answer, encode_answer
    from tests.receipt_vectors import RECEIPT

    checkpoint = (VECTORS / "tessera-log/checkpoint").read_bytes()
    parts = json.loads(RECEIPT)
    proof = parts["subject"]["proof"].encode()
    statement = base64.b64decode(parts["subject"]["statement"])
    record = json.dumps(parts["subject"]["record"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    cose = [each.read_bytes() for each in sorted((VECTORS / "cose-receipts").glob("*.cbor"))]
    token = (VECTORS / "timestamp/token.der").read_bytes()
    answer = encode_answer(("returned", {"a": (1, 2.5, None, b"x", ["y"])}))
    vkey = parts["log_key"].encode()
    asked = TimestampRequest.of(b"message", 1)

    def texts(parse: Callable[[str], object]) -> Callable[[bytes], object]:
        return lambda data: parse(data.decode("utf-8", "replace"))

    def receipts(data: bytes) -> None:
        receipt = parse_any_receipt(data)
        if isinstance(receipt, Receipt):
            verify_receipt(receipt, trusted_keys=())

    return {
        "canonical JSON": Target(partial(parse_canonical, limit=MOST_BYTES), [record.encode()]),
        "records": Target(parse_record, [record.encode()]),
        "statements": Target(parse_statement, [statement]),
        "public keys": Target(parse_public_key, [b"-----BEGIN PUBLIC KEY-----\n"]),
        "receipts": Target(receipts, [RECEIPT[:MOST_BYTES], proof, *cose]),
        "COSE receipts": Target(cose_receipt.parse, cose),
        "notes": Target(Note.parse, [checkpoint]),
        "checkpoints": Target(SignedCheckpoint.parse, [checkpoint]),
        "cosignatures": Target(Cosignature.parse, [bytes(76)]),
        "verifier keys": Target(texts(VerifierKey.parse), [vkey]),
        "policies": Target(Policy.parse, [b"log " + vkey + b"\nwitness w " + vkey + b" http://a/\nquorum w\n"]),
        "tlog-proofs": Target(TlogProof.parse, [proof]),
        "entry bundles": Target(parse_entry_bundle, [b"\0\x03abc\0\x01d"]),
        "tile paths": Target(texts(parse_tile_path), [b"tile/0/x001/234.p/5"]),
        "time stamps": Target(lambda data: read_response(data, asked), [token]),
        "witness requests": Target(AddCheckpoint.parse, [b"old 1\nAAAA\n\n" + checkpoint]),
        "answers of workers": Target(decode_answer, [answer], (AnswerError,)),
    }


def of_media() -> dict[str, Target]:
    """What a picture holds, before and beside its decoder."""
    from provenance.credentials.jumbf import read_contents, read_facts, read_signature
    from provenance.media.carriers import read_carriers
    from provenance.media.colours import read_colours
    from provenance.media.formats import count_frames, open_header, sniff
    from provenance.media.marks.xmp import parse_xmp
    from provenance.media.media import Media
    from provenance.media.redaction import redact
    from tests.security.hostile import honest, with_segments, xmp

    def headers(data: bytes) -> None:
        media_type = sniff(data)
        picture = open_header(data, media_type)
        count_frames(picture, data, media_type)
        read_carriers(picture, data, media_type)
        read_colours(data, media_type)

    def stores(data: bytes) -> None:
        read_facts(data)
        read_contents(data)
        read_signature(data)

    pictures = [honest(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF")]
    described = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    described_box = bytes.fromhex("6332706100110010800000aa00389b71") + b"\3c2pa\0"
    inner = (8 + len(described_box)).to_bytes(4, "big") + b"jumd" + described_box
    store = (8 + len(inner)).to_bytes(4, "big") + b"jumb" + inner
    return {
        "headers of pictures": Target(headers, [*pictures, xmp("<a/>"), with_segments()]),
        "metadata to leave out": Target(lambda data: redact(Media.from_bytes(data)), [*pictures, xmp("<a/>")]),
        "XMP": Target(parse_xmp, [described + b"</x:xmpmeta>"]),
        "manifest stores": Target(stores, [store]),
    }


GROUPS: dict[str, Callable[[], dict[str, Target]]] = {"log": of_the_log, "media": of_media}


def taken_or_refused(target: Target) -> Callable[[bytes], None]:
    """Calls the parser; raises what it should not raise."""
    from provenance.errors import CountermarkError

    def call(data: bytes) -> None:
        try:
            target.parse(data)
        except (CountermarkError, *target.refused):
            return

    return call


def fuzz(atheris: ModuleType, group: str, runs: int, folder: Path) -> None:
    """Fuzz the parsers of a group, `runs` inputs for each, with a fixed seed; ends the process."""
    with atheris.instrument_imports(include=["provenance", "registry.sandbox.frames"]):
        targets = list(GROUPS[group]().values())
    seeds = folder / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    for place, target in enumerate(targets):
        for number, seed in enumerate(target.seeds):
            (seeds / f"{place}-{number}").write_bytes(bytes([place]) + seed)
    calls = [taken_or_refused(target) for target in targets]

    def call(data: bytes) -> None:
        if data:
            calls[data[0] % len(calls)](data[1:])

    options = [f"-runs={runs * len(targets)}", "-seed=1", f"-max_len={MOST_BYTES}", "-timeout=300"]
    atheris.Setup([group, *options, "-rss_limit_mb=2048", f"-artifact_prefix={folder}/", str(seeds)], call)
    atheris.Fuzz()


if __name__ == "__main__":
    import warnings

    import atheris

    warnings.simplefilter("ignore")
    fuzz(atheris, sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
