"""A log of another implementation, reproduced byte for byte: tests/vectors/tessera-log."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provenance.transparency.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from provenance.transparency.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from provenance.transparency.note import VerifierKey
from provenance.transparency.tiles import (
    TileReader,
    entries_path,
    entry_bundle,
    parse_entry_bundle,
    parse_tile_path,
)
from tests.tile_growth import hash_tile, tiles_between

LOG = Path(__file__).parents[1] / "vectors" / "tessera-log"
KEY = VerifierKey.parse("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")
PRIVATE = Ed25519PrivateKey.from_private_bytes(base64.b64decode("AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg")[1:])
ENTRIES = b"one two three four five six seven eit nain ten ileven twelf threeten fourten fivten".split(b" ")


def published(path: Path) -> dict[str, bytes]:
    """Every file of a published log by its path, but for its README."""
    files = (file for file in path.rglob("*") if file.is_file() and file.name != "README.md")
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def checkpoint_of(size: int) -> Checkpoint:
    name = f"checkpoint.{size}"
    return open_checkpoint((LOG / name).read_bytes(), [KEY], KEY.name)[0]


def test_appending_the_same_entries_writes_the_same_log(tmp_path: Path) -> None:
    frontier = Frontier()
    nodes: dict[tuple[int, int], bytes] = {}

    def publish(name: str) -> None:
        checkpoint = Checkpoint(KEY.name, frontier.size, frontier.root())
        (tmp_path / name).write_bytes(sign_checkpoint(checkpoint, PRIVATE.sign, KEY.public))

    publish("checkpoint.0")
    for old, entry in enumerate(ENTRIES):
        frontier.extend([leaf_hash(entry)], lambda level, index, root: nodes.__setitem__((level, index), root))
        for tile in tiles_between(old, frontier.size):
            assert (tile.level, tile.index) == (0, 0)
            hashes, bundle = tmp_path / str(tile), tmp_path / entries_path(tile.index, tile.width)
            hashes.parent.mkdir(parents=True, exist_ok=True)
            bundle.parent.mkdir(parents=True, exist_ok=True)
            hashes.write_bytes(hash_tile(tile, lambda level, index: nodes[level, index]))
            bundle.write_bytes(entry_bundle(ENTRIES[: tile.width]))
        publish(f"checkpoint.{frontier.size}")
    publish("checkpoint")

    assert published(tmp_path) == published(LOG)


@pytest.mark.parametrize("size", range(16))
def test_each_published_checkpoint_verifies_and_has_the_root_of_its_entries(size: int) -> None:
    frontier = Frontier()
    frontier.extend(leaf_hash(entry) for entry in ENTRIES[:size])
    assert checkpoint_of(size) == Checkpoint(KEY.name, size, frontier.root())


def test_the_published_bundles_hold_the_entries() -> None:
    for width in range(1, 16):
        data = (LOG / entries_path(0, width)).read_bytes()
        assert parse_entry_bundle(data, width) == ENTRIES[:width]


def test_every_published_tile_path_is_one_that_we_accept() -> None:
    paths = [path for path in published(LOG) if path.startswith("tile/")]
    assert len(paths) == 30
    assert [str(parse_tile_path(path)) for path in paths] == paths


def test_proofs_from_the_published_tiles_lead_to_the_published_roots() -> None:
    for size in range(1, 16):
        reader = TileReader(lambda path: (LOG / path).read_bytes(), size)
        root = checkpoint_of(size).root
        for index in range(size):
            verify_inclusion(leaf_hash(ENTRIES[index]), index, size, inclusion_proof(index, size, reader), root)
        for old in range(size + 1):
            proof = consistency_proof(old, size, reader)
            verify_consistency(old, checkpoint_of(old).root, size, root, proof)
