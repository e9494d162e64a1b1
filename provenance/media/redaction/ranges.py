"""Byte ranges of a file: TIFF and ISO base media refer to their parts by offset, so that no part may move.

What is left out is overwritten in place; what nothing refers to is overwritten with zeros.
"""

from collections.abc import Iterable

from provenance.media.redaction.metadata_names import Unstrippable

Range = tuple[int, int]


class Canvas:
    """A copy of a file in which ranges are kept, overwritten, or cleared."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self._kept: list[Range] = []
        self._source = data
        self._unread = len(data)

    def read(self, start: int, size: int) -> bytes:
        """A part as it was. Raises Unstrippable where what is read is larger than the file: parts that lie over others.

        Few bytes can name one part ten thousand times, or ten thousand parts that are nearly the whole file each.
        """
        self._unread -= size
        if self._unread < 0:
            raise Unstrippable("its parts lie over one another")
        return self._source[start : start + size]

    def keep(self, start: int, size: int) -> None:
        """A part that stays, as it is now or as it will be overwritten. Raises Unstrippable outside the file."""
        if size < 0 or start < 0 or start + size > len(self.data):
            raise Unstrippable("a part of it lies outside the file")
        self._kept.append((start, start + size))

    def write(self, start: int, size: int, content: bytes, padding: bytes = b"\0") -> None:
        """Overwrite a range, padded. Raises Unstrippable where the content is too long."""
        if len(content) > size:
            raise Unstrippable("it declares how the picture was made where that cannot be kept alone")
        self.data[start : start + size] = content.ljust(size, padding)

    def clear(self, within: Iterable[Range]) -> list[Range]:
        """Overwrite with zeros what was not kept of these ranges. Those of them that held anything but zeros."""
        found: list[Range] = []
        for start, end in within:
            at = start
            for first, last in (*sorted(self._kept), (end, end)):
                gap = min(first, end)
                if at < gap:
                    if any(self.data[at:gap]):
                        found.append((at, gap))
                    self.data[at:gap] = bytes(gap - at)
                at = max(at, last)
        return found
