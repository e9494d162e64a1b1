"""What went into a file, as its content credential says, with thumbnails: read for who looks, and not kept.

A report has no thumbnails: they are pictures out of the file, and what is handed in is not kept.
"""

from pathlib import Path
from typing import NamedTuple

from provenance.answers import ReadCredential
from registry.registry import Registry
from registry.sandbox import Budget
from registry.sandbox.examination import read_ingredients
from registry.usecases.report import credential_of


class Pictured(NamedTuple):
    """A credential, and the thumbnail of each of its ingredients as a WebP, None for one without."""

    credential: ReadCredential
    thumbnails: tuple[bytes | None, ...]


def ingredients_of(registry: Registry, path: Path, sha256: bytes, budget: Budget) -> Pictured:
    """Read the file at `path`, whose SHA-256 the caller computed while receiving it.

    Raises:
        MediaError: it is not a readable picture.
        StoreUnavailable: too much work is waiting.
    """
    job = (read_ingredients, path, sha256, registry.trust, registry.clock(), None)
    report = registry.sandbox.run(*job, digest=sha256, budget=budget)
    return Pictured(credential_of(report), tuple(each.thumbnail for each in report.ingredients))
