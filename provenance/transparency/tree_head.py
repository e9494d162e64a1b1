"""A tree head: a log's origin, its size and its root, which are the text of a checkpoint.

C2SP tlog-checkpoint: `origin`, `size` and `root` on a line each. Extension lines of other logs are kept, as opaque
text; we write none, because monitors cannot audit them.
"""

from dataclasses import dataclass
from typing import Self

from provenance.errors import MalformedNote
from provenance.limits import MAX_TREE_SIZE
from provenance.statement.encodings import encode_base64, parse_decimal, parse_hash
from provenance.transparency.merkle import EMPTY_ROOT, HASH_BYTES


@dataclass(frozen=True)
class Checkpoint:
    """A tree head.

    Attributes:
        origin: the log's identity, one line.
        size: number of entries.
        root: 32 bytes.
        extension: further lines that another log wrote.

    Raises:
        MalformedNote: what no text can state, or the empty tree with another root than its own.
    """

    origin: str
    size: int
    root: bytes
    extension: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.origin or any("\n" in line or not line for line in (self.origin, *self.extension)):
            raise MalformedNote("the lines of a checkpoint are not empty")
        if not 0 <= self.size <= MAX_TREE_SIZE:
            raise MalformedNote(f"a checkpoint's size is 0 to {MAX_TREE_SIZE}")
        if len(self.root) != HASH_BYTES:
            raise MalformedNote("a checkpoint's root has 32 bytes")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise MalformedNote("the empty tree has another root")

    @classmethod
    def parse_text(cls, text: str) -> Self:
        """Read a note's text. Raises MalformedNote."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop():
            raise MalformedNote("a checkpoint has three lines or more, each ended by a newline")
        origin, size, root, *extension = lines
        return cls(origin, parse_decimal(size, MalformedNote), parse_hash(root, MalformedNote), tuple(extension))

    def text(self) -> str:
        """The text that is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, encode_base64(self.root), *self.extension))
