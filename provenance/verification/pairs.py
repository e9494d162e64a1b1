"""Two files, compared with each other: what that says of them, and how a reader is told. Nothing is looked up."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from provenance.answers import Wording
from provenance.media.comparison import Comparison
from provenance.sentences import CATALOGUES, Sentences
from provenance.statement.appearance_digest import AppearanceMatch
from provenance.verification.axes import Registration
from provenance.verification.findings.registration import value_of_comparison
from provenance.verification.wording import areas, measured, outside, percent


@dataclass(frozen=True, eq=False)
class Pair:
    """A file and the one that it is compared with. `comparison`: None where equal bytes or pixels make it needless."""

    basis: Literal["bytes", "pixels", "comparison"]
    comparison: Comparison | None = None

    @property
    def value(self) -> Registration:
        """What a registration of the second file would give the first by this alone."""
        if self.basis == "bytes":
            return Registration.EXACT_MATCH
        if self.comparison is not None and not self.comparison.verified:
            return Registration.NO_MATCH_FOUND
        return value_of_comparison(self.comparison, AppearanceMatch.UNKNOWN)


def word_pair(pair: Pair) -> tuple[Wording, ...]:
    """The wording in each language, English first."""
    return tuple(
        Wording(
            language=language,
            title=words.compared[pair.value],
            warning=None,
            lead=" ".join(_lead(pair, words)),
            remarks=(words.compared["only"],),
            vouched=None,
            ai=words.compared["ai"],
            measured=_measured(pair, words),
        )
        for language, words in CATALOGUES.items()
    )


def _lead(pair: Pair, words: Sentences) -> Iterator[str]:
    comparison = pair.comparison
    match pair.value:
        case Registration.EXACT_MATCH:
            yield words.page["same_bytes"]
        case Registration.NO_MATCH_FOUND:
            yield words.compared["no_part"]
        case Registration.SHARES_LAYOUT:
            yield words.page["layout_only"]
        case _ if comparison is None:
            yield words.lead["same_pixels_shown"]
        case Registration.MATCH_WITH_DIFFERENCES:
            yield areas(words, comparison.regions)
        case Registration.MATCH_INSIDE_LARGER:
            yield words.lead["inside_rest"].format(share=percent(words, outside(comparison)))
        case _:
            yield words.lead["nothing_differs"]


def _measured(pair: Pair, words: Sentences) -> str | None:
    if pair.comparison is None or pair.value in (Registration.NO_MATCH_FOUND, Registration.SHARES_LAYOUT):
        return None
    return measured(words, pair.comparison)
