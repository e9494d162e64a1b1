"""Two files of somebody's own, compared with each other: nothing is looked up, and nothing is kept."""

from base64 import b64encode
from pathlib import Path
from typing import NamedTuple

from provenance import answers
from provenance.media.calibration import miss_rates
from provenance.verification.pairs import Pair, word_pair
from provenance.verification.registrations import Reference
from registry.registry import Registry
from registry.sandbox import Budget
from registry.sandbox.examination import (
    DetailSource,
    DrawnComparison,
    OpenedPicture,
    compare_references,
    open_picture,
)
from registry.sandbox.pool import JOB_SECONDS
from registry.sandbox.turns import PICTURE_SECONDS
from registry.usecases.report import comparison_of
from registry.usecases.verify import FULL_DETAIL_SECONDS


class ReceivedFile(NamedTuple):
    """A file, whose SHA-256 the caller computed while receiving it; `size` in bytes."""

    path: Path
    sha256: bytes
    size: int


def compare_files(
    registry: Registry, file: ReceivedFile, reference: ReceivedFile, *, full_detail: bool = False, budget: Budget
) -> answers.FileComparison:
    """Compare a file with another, as a verification compares it with a registered one.

    Args:
        full_detail: compare over the whole in full detail.
        budget: what that may cost, in which the costs are noted; two pictures may cost twice what one may.

    Raises:
        MediaError: one of them is not a readable picture.
        StoreUnavailable: too much work is waiting.
    """
    seconds = FULL_DETAIL_SECONDS if full_detail else JOB_SECONDS
    budget.seconds = 2 * PICTURE_SECONDS + (FULL_DETAIL_SECONDS if full_detail else 0)
    opened = _open(registry, file, budget)
    other = opened if reference.sha256 == file.sha256 else _open(registry, reference, budget)
    pair, overlay = Pair("bytes" if other is opened else "pixels"), None
    if other.pixels_sha256 != opened.pixels_sha256:
        outcome = registry.sandbox.run(
            compare_references,
            opened.canonical,
            None,
            (Reference(other.sketch, other.thumbnail, reference.sha256),),
            (reference.path,),
            DetailSource(file.path, file.sha256, full_detail),
            cpu_seconds=seconds,
            digest=file.sha256,
            budget=budget,
        )[0]
        if not isinstance(outcome, DrawnComparison):
            raise outcome
        pair, overlay = Pair("comparison", outcome.comparison), outcome.overlay
    wordings = word_pair(pair)
    compared = pair.comparison if pair.comparison is not None and pair.comparison.verified else None
    return answers.FileComparison(
        created_at=registry.clock(),
        file=_input(file, opened),
        reference=_input(reference, other),
        headline=answers.Headline(code=pair.value.value, text=wordings[0].text, wordings=wordings),
        basis=pair.basis,
        comparison=None if compared is None else comparison_of(compared, inverted=False),
        difference=None if overlay is None else f"data:image/png;base64,{b64encode(overlay).decode()}",
        error_rates=()
        if compared is None
        else tuple(answers.ErrorRate(**vars(rate)) for rate in miss_rates(compared.reference)),
    )


def _open(registry: Registry, file: ReceivedFile, budget: Budget) -> OpenedPicture:
    return registry.sandbox.run(open_picture, file.path, file.sha256, digest=file.sha256, budget=budget)


def _input(file: ReceivedFile, opened: OpenedPicture) -> answers.Input:
    return answers.Input(
        sha256=file.sha256.hex(),
        size=file.size,
        media_type=opened.media_type,
        width=opened.width,
        height=opened.height,
        frames=opened.frames,
    )
