"""Viewer: what looks at a stranger's picture on behalf of the verification procedure."""

from collections.abc import Sequence
from typing import Protocol

from provenance.errors import CountermarkError
from provenance.media.comparison import Box, Comparison
from provenance.media.local_features import LocalFeatures
from provenance.media.media import Pixels
from provenance.verification.registrations import Reference


class Viewer(Protocol):
    """Looks at a stranger's picture; the caller decides in which process. Each may raise `CountermarkError`."""

    def describe(self, query: Pixels, /) -> LocalFeatures:
        """The local features of a canonical picture."""

    def describe_parts(self, query: Pixels, left_open: Sequence[Sequence[Box]], /) -> Sequence[LocalFeatures]:
        """Those of each part of it that may be a picture of its own, and that all matches leave open."""

    def compare(
        self, query: Pixels, references: Sequence[Reference], part: int | None = None, /
    ) -> Sequence[Comparison | CountermarkError]:
        """Compare a canonical picture with each reference: what that gave, or why it could not be done.

        `part`: of those that were described, the one in which the reference is looked for; None for the whole.
        """
