"""Writes the vectors of this folder: `python -m tests.vectors.transparency.generate`."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provenance.transparency.checkpoint import Checkpoint, cosign_checkpoint, sign_checkpoint
from provenance.transparency.merkle import Frontier, leaf_hash
from provenance.transparency.note import COSIGNATURE_V1, ED25519, VerifierKey, sign_note
from provenance.transparency.tlog_proof import TlogProof
from tests.logs.log import Tree

HERE = Path(__file__).parent
ORIGIN = "example.com/log/testdata"
LOG = Ed25519PrivateKey.from_private_bytes(base64.b64decode("AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg")[1:])
WITNESS = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"witness of the test vectors").digest())
STRANGER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"stranger of the test vectors").digest())
WITNESS_NAME = "witness.example/w1"
TIME = 1_700_000_000

LOG_KEY = VerifierKey(ORIGIN, ED25519, LOG.public_key().public_bytes_raw())
WITNESS_KEY = VerifierKey(WITNESS_NAME, COSIGNATURE_V1, WITNESS.public_key().public_bytes_raw())

ENTRIES = [f"entry {number}".encode() for number in range(300)]
TREE = Tree(ENTRIES)
ROOTS = [TREE.root(size) for size in range(len(ENTRIES) + 1)]


def flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def inclusion_cases() -> list[dict[str, Any]]:
    cases = []

    def add(name: str, leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes, holds: bool) -> None:
        cases.append(
            {
                "name": name,
                "leaf_hash": leaf.hex(),
                "index": str(index),
                "size": str(size),
                "proof": [each.hex() for each in proof],
                "root": root.hex(),
                "holds": holds,
            }
        )

    for size in (1, 2, 3, 4, 5, 7, 8, 13, 64, 65, 300):
        for index in sorted({0, size // 2, size - 1}):
            leaf, proof, root = leaf_hash(ENTRIES[index]), [*TREE.inclusion(index, size)], ROOTS[size]
            where = f"entry {index} of {size}"
            add(where, leaf, index, size, proof, root, True)
            add(f"{where}: a hash too many", leaf, index, size, [*proof, root], root, False)
            add(f"{where}: index at the end of the tree", leaf, size, size, proof, root, False)
            add(f"{where}: another leaf", flip(leaf), index, size, proof, root, False)
            if proof:
                add(f"{where}: a hash too few", leaf, index, size, proof[:-1], root, False)
                add(f"{where}: a changed bit", leaf, index, size, [*proof[:-1], flip(proof[-1])], root, False)
                add(f"{where}: a short hash", leaf, index, size, [*proof[:-1], proof[-1][:31]], root, False)
                add(f"{where}: the neighbour's index", leaf, index ^ 1, size, proof, root, False)
            if len(proof) > 1:
                add(f"{where}: reversed", leaf, index, size, proof[::-1], root, False)
    largest = 2**63 - 1
    made_up = Frontier.from_reader(largest, lambda level, index: hashlib.sha256(f"{level} {index}".encode()).digest())
    last = hashlib.sha256(f"0 {largest - 1}".encode()).digest()
    path = list(made_up.nodes[:-1])[::-1]
    add("the last entry of the largest tree", last, largest - 1, largest, path, made_up.root(), True)
    add("beyond the largest tree", last, largest - 1, largest + 1, path, made_up.root(), False)
    add("an index beyond 53 bits, changed", last, largest - 3, largest, path, made_up.root(), False)
    return cases


def consistency_cases() -> list[dict[str, Any]]:
    cases = []

    def add(name: str, old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes], holds: bool) -> None:
        cases.append(
            {
                "name": name,
                "old_size": str(old),
                "old_root": old_root.hex(),
                "new_size": str(new),
                "new_root": new_root.hex(),
                "proof": [each.hex() for each in proof],
                "holds": holds,
            }
        )

    for old, new in [
        (0, 0),
        (0, 5),
        (1, 1),
        (1, 2),
        (1, 300),
        (2, 3),
        (3, 4),
        (3, 7),
        (6, 8),
        (8, 13),
        (64, 300),
        (299, 300),
    ]:
        proof = [*TREE.consistency(old, new)]
        where = f"{old} to {new}"
        add(where, old, ROOTS[old], new, ROOTS[new], proof, True)
        add(f"{where}: another old root", old, flip(ROOTS[old]), new, ROOTS[new], proof, False)
        add(f"{where}: a hash too many", old, ROOTS[old], new, ROOTS[new], [*proof, bytes(32)], False)
        if old:
            add(f"{where}: another new root", old, ROOTS[old], new, flip(ROOTS[new]), proof, False)
        if old != new:
            add(f"{where}: sizes swapped", new, ROOTS[new], old, ROOTS[old], proof, False)
        if proof:
            add(f"{where}: a hash too few", old, ROOTS[old], new, ROOTS[new], proof[:-1], False)
            add(f"{where}: no proof", old, ROOTS[old], new, ROOTS[new], [], False)
            add(f"{where}: a changed bit", old, ROOTS[old], new, ROOTS[new], [flip(proof[0]), *proof[1:]], False)
    return cases


def note_cases() -> list[dict[str, Any]]:
    cases = []

    def add(name: str, note: bytes, outcome: str, signed_by: tuple[str, ...] = ()) -> None:
        cases.append(
            {"name": name, "note": base64.b64encode(note).decode(), "outcome": outcome, "signed_by": list(signed_by)}
        )

    def signed(text: str, key: Ed25519PrivateKey = LOG, name: str = ORIGIN) -> bytes:
        return sign_note(text, name, key.sign, key.public_key().public_bytes_raw()).serialise()

    plain = signed("one line\n")
    stranger = signed("one line\n", STRANGER, "stranger.example")
    stranger_line = stranger.split(b"\n\n")[1]
    line = plain.split(b"\n\n")[1]
    checkpoint = sign_checkpoint(Checkpoint(ORIGIN, 300, ROOTS[300]), LOG.sign, LOG_KEY.public)
    cosigned = cosign_checkpoint(checkpoint, WITNESS_NAME, WITNESS.sign, WITNESS_KEY.public, time=TIME)
    late = cosign_checkpoint(checkpoint, WITNESS_NAME, WITNESS.sign, WITNESS_KEY.public, time=2**63 - 1)
    add("signed", plain, "verified", (ORIGIN,))
    add("text with empty lines", signed("first\n\n\nlast\n"), "verified", (ORIGIN,))
    add("text of one empty line", signed("\n"), "verified", (ORIGIN,))
    add("text that ends in an empty line", signed("last\n\n"), "verified", (ORIGIN,))
    add("text that looks like a signature", signed("— a b\n"), "verified", (ORIGIN,))
    add("text beyond ASCII", signed("ed è subito sera 🌒\n"), "verified", (ORIGIN,))
    add("text that begins with U+FEFF", signed("\ufeffone line\n"), "verified", (ORIGIN,))
    add("a log and a stranger", plain + stranger_line, "verified", (ORIGIN,))
    add("a stranger first", b"one line\n\n" + stranger_line + line, "verified", (ORIGIN,))
    add("the same line twice", plain + line, "verified", (ORIGIN,))
    add("a checkpoint with a cosignature", cosigned, "verified", (ORIGIN, WITNESS_NAME))
    add("a cosignature of the last second", late, "verified", (ORIGIN, WITNESS_NAME))
    add("a stranger alone", stranger, "untrusted")
    add("the log's name with a stranger's key", signed("one line\n", STRANGER), "untrusted")
    forged = base64.b64encode(LOG_KEY.key_id + STRANGER.sign(b"one line\n"))
    forged_line = f"— {ORIGIN} ".encode() + forged + b"\n"
    add("the log's key ID with a stranger's signature", b"one line\n\n" + forged_line, "untrusted")
    add("a good and a failing line of the log", plain + forged_line, "untrusted")
    add("another text", plain.replace(b"one line", b"two line"), "untrusted")
    changed = cosigned[:-10] + (b"A" if cosigned[-10:-9] != b"A" else b"B") + cosigned[-9:]
    add("a cosignature that fails beside the log's", changed, "untrusted")
    beyond = WITNESS_KEY.key_id + (2**63).to_bytes(8) + bytes(64)
    beyond_line = f"— {WITNESS_NAME} ".encode() + base64.b64encode(beyond) + b"\n"
    add("a cosignature beyond the last second", checkpoint + beyond_line, "untrusted")
    short = base64.b64encode(WITNESS_KEY.key_id + bytes(71))
    add("a cosignature a byte short", checkpoint + f"— {WITNESS_NAME} ".encode() + short + b"\n", "untrusted")
    swapped = base64.b64encode(
        WITNESS_KEY.key_id + TIME.to_bytes(8) + WITNESS.sign(checkpoint.split(b"\n\n")[0] + b"\n")
    )
    add("a plain signature as a cosignature", checkpoint + f"— {WITNESS_NAME} ".encode() + swapped + b"\n", "untrusted")
    add("no signatures", b"one line\n\n", "malformed")
    add("no blank line", b"one line\n" + line, "malformed")
    add("no newline at the end", plain[:-1], "malformed")
    add("an empty line at the end", plain + b"\n", "malformed")
    add("nothing", b"", "malformed")
    add("carriage returns", plain.replace(b"\n", b"\r\n"), "malformed")
    add("a tab in the text", b"one\tline\n\n" + line, "malformed")
    add("a zero byte in the text", b"one\x00line\n\n" + line, "malformed")
    add("not UTF-8", b"one \xff line\n\n" + line, "malformed")
    add("an overlong encoding", b"one \xc0\xaf line\n\n" + line, "malformed")
    add("an encoded surrogate", b"one \xed\xa0\x80 line\n\n" + line, "malformed")
    add("a hyphen for the dash", plain.replace("—".encode(), b"-"), "malformed")
    add("two spaces before the name", plain.replace("— ".encode(), "—  ".encode()), "malformed")
    add("a no-break space in the name", plain.replace(b"example.com/", b"example.com\xc2\xa0/"), "malformed")
    add("a plus in the name", plain.replace(b"example.com/", b"example.com+/"), "malformed")
    add("base64 without padding", plain.replace(b"=", b""), "malformed")
    add(
        "base64url",
        plain.replace(b"+", b"-").replace(b"/", b"_").replace(b"example.com_log_", b"example.com/log/"),
        "malformed",
    )
    head, _, tail = line.rstrip(b"\n").rpartition(b" ")
    spare = tail.rstrip(b"=")[:-1] + {b"A": b"B", b"Q": b"R", b"g": b"h", b"w": b"x"}.get(tail.rstrip(b"=")[-1:], b"D")
    add("base64 with spare bits set", b"one line\n\n" + head + b" " + spare.ljust(len(tail), b"=") + b"\n", "malformed")
    add("a key ID without a signature", b"one line\n\n" + f"— {ORIGIN} ".encode() + b"AAAAAA==\n", "malformed")
    add("a hundred and one signatures", b"one line\n\n" + line * 101, "malformed")
    return cases


def checkpoint_cases() -> list[dict[str, Any]]:
    cases = []
    root = base64.b64encode(ROOTS[300]).decode()
    empty = base64.b64encode(ROOTS[0]).decode()

    def add(name: str, text: str, parsed: dict[str, Any] | None = None) -> None:
        cases.append({"name": name, "text": text, "outcome": "parsed" if parsed else "malformed", **(parsed or {})})

    def of(size: str, extension: tuple[str, ...] = ()) -> dict[str, Any]:
        shown = ROOTS[0] if size == "0" else ROOTS[300]
        return {"origin": ORIGIN, "size": size, "root": shown.hex(), "extension": list(extension)}

    add("300 entries", f"{ORIGIN}\n300\n{root}\n", of("300"))
    add("the empty tree", f"{ORIGIN}\n0\n{empty}\n", of("0"))
    add("the largest tree", f"{ORIGIN}\n{2**63 - 1}\n{root}\n", of(str(2**63 - 1)))
    add("extension lines of another log", f"{ORIGIN}\n300\n{root}\nmore\nand more\n", of("300", ("more", "and more")))
    add("an origin with a space", f"Go Log\n300\n{root}\n", {**of("300"), "origin": "Go Log"})
    add("an empty extension line", f"{ORIGIN}\n300\n{root}\n\n")
    add("no newline at the end", f"{ORIGIN}\n300\n{root}")
    add("no root", f"{ORIGIN}\n300\n")
    add("no origin", f"\n300\n{root}\n")
    for size in ("0300", "+300", "-1", " 300", "3e2", "0x12c", "300.0", "", "٣٠٠", str(2**63), "9" * 400):
        add(f"size {size[:20]!r}", f"{ORIGIN}\n{size}\n{root}\n")
    add("the empty tree with another root", f"{ORIGIN}\n0\n{root}\n")
    add("a root without padding", f"{ORIGIN}\n300\n{root.rstrip('=')}\n")
    add("a root of 31 bytes", f"{ORIGIN}\n300\n{base64.b64encode(ROOTS[300][:31]).decode()}\n")
    add("a root of 33 bytes", f"{ORIGIN}\n300\n{base64.b64encode(ROOTS[300] + b'0').decode()}\n")
    return cases


def proof_cases() -> list[dict[str, Any]]:
    cases = []
    size, index = 300, 150
    checkpoint = sign_checkpoint(Checkpoint(ORIGIN, size, ROOTS[size]), LOG.sign, LOG_KEY.public)
    checkpoint = cosign_checkpoint(checkpoint, WITNESS_NAME, WITNESS.sign, WITNESS_KEY.public, time=TIME)
    hashes = TREE.inclusion(index, size)
    proof = TlogProof(index, hashes, checkpoint).serialise()
    extra = TlogProof(index, hashes, checkpoint, b"more to know").serialise()
    single = sign_checkpoint(Checkpoint(ORIGIN, 1, ROOTS[1]), LOG.sign, LOG_KEY.public)

    def add(name: str, data: bytes, outcome: str, entry: bytes = ENTRIES[index]) -> None:
        cases.append(
            {
                "name": name,
                "proof": base64.b64encode(data).decode(),
                "entry": base64.b64encode(entry).decode(),
                "outcome": outcome,
            }
        )

    def edit(change: Callable[[list[bytes]], object], data: bytes = proof) -> bytes:
        lines = data.split(b"\n")
        change(lines)
        return b"\n".join(lines)

    add("entry 150 of 300", proof, "holds")
    add("with extra data", extra, "holds")
    add("the only entry", TlogProof(0, (), single).serialise(), "holds", ENTRIES[0])
    add("another entry", proof, "invalid", ENTRIES[index + 1])
    add("a hash too few", edit(lambda lines: lines.pop(2)), "invalid")
    add("a hash too many", edit(lambda lines: lines.insert(2, lines[2])), "invalid")
    add("another index", proof.replace(b"index 150", b"index 151"), "invalid")
    add("an index beyond the tree", proof.replace(b"index 150", b"index 300"), "invalid")
    add("a larger tree than was signed", proof.replace(b"\n300\n", b"\n301\n"), "untrusted")
    add("another log's checkpoint", proof.replace(b"\nexample.com/log/", b"\nexample.com/lob/"), "untrusted")
    for written in (b"0150", b"+150", b"-1", b"", b"150 ", b"9223372036854775808"):
        add(f"index {written.decode()!r}", proof.replace(b"index 150", b"index " + written), "malformed")
    add("another version", proof.replace(b"@v1", b"@v2"), "malformed")
    add("no index", edit(lambda lines: lines.pop(1)), "malformed")
    add("extra data after the index", edit(lambda lines: lines.insert(1, lines.pop(2)), extra), "malformed")
    add("empty extra data", edit(lambda lines: lines.insert(1, b"extra ")), "malformed")
    add("extra data twice", edit(lambda lines: lines.insert(1, lines[1]), extra), "malformed")
    add("a hash without padding", edit(lambda lines: lines.__setitem__(2, lines[2].rstrip(b"="))), "malformed")
    add("a hash of 31 bytes", edit(lambda lines: lines.__setitem__(2, base64.b64encode(bytes(31)))), "malformed")
    add("64 hashes", edit(lambda lines: lines.__setitem__(slice(2, 2), [lines[2]] * (64 - len(hashes)))), "malformed")
    add("carriage returns", edit(lambda lines: lines.__setitem__(1, lines[1] + b"\r")), "malformed")
    add("no blank line", edit(lambda lines: lines.remove(b"")), "malformed")
    add("two blank lines", edit(lambda lines: lines.insert(2 + len(hashes), b"")), "malformed")
    add("no checkpoint", proof.split(b"\n\n")[0] + b"\n\n", "malformed")
    add("an unsigned checkpoint", b"\n\n".join(proof.split(b"\n\n")[:2]) + b"\n", "malformed")
    return cases


def tile_paths() -> dict[str, Any]:
    def of(path: str, level: int | None, index: int, width: int) -> dict[str, Any]:
        return {"path": path, "level": level, "index": str(index), "width": width}

    return {
        "accepted": [
            of("tile/0/000", 0, 0, 256),
            of("tile/0/000.p/1", 0, 0, 1),
            of("tile/0/000.p/255", 0, 0, 255),
            of("tile/0/x001/x234/067", 0, 1_234_067, 256),
            of("tile/1/999", 1, 999, 256),
            of("tile/1/x001/000", 1, 1000, 256),
            of("tile/2/x001/x000/000.p/17", 2, 1_000_000, 17),
            of("tile/63/000", 63, 0, 256),
            of("tile/entries/x001/x234/067.p/112", None, 1_234_067, 112),
            of("tile/0/x036/x028/x797/x018/x963/967", 0, 2**55 - 1, 256),
        ],
        "refused": [
            "",
            "tile",
            "tile/0",
            "/tile/0/000",
            "tile/0/000/",
            "tile/0/000\n",
            "tile//000",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000/000",
            "tile/0/x000/x001/000",
            "tile/0/001/000",
            "tile/0/x001",
            "tile/0/x001/x000",
            "tile/0/X001/000",
            "tile/0/-01",
            "tile/0/+01",
            "tile/0/٠٠٠",
            "tile/00/000",
            "tile/01/000",
            "tile/64/000",
            "tile/100/000",
            "tile/-1/000",
            "tile/Entries/000",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/00",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/257",
            "tile/0/000.p/1000",
            "tile/0/000.p/1/",
            "tile/0/000.p/-1",
            "tile/0/x036/x028/x797/x018/x963/968",
            "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
            "checkpoint",
        ],
    }


def write(name: str, content: dict[str, Any]) -> None:
    (HERE / f"{name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    keys = [str(LOG_KEY), str(WITNESS_KEY)]
    write("inclusion", {"cases": inclusion_cases()})
    write("consistency", {"cases": consistency_cases()})
    write("notes", {"keys": keys, "cases": note_cases()})
    write("checkpoints", {"cases": checkpoint_cases()})
    write("tlog_proofs", {"keys": keys, "origin": ORIGIN, "cases": proof_cases()})
    write("tile_paths", tile_paths())
