"""Checks that every installed distribution has a licence that CONTRIBUTING.md names."""

import re
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions

TAKEN = {
    *("Apache-2.0", "MIT", "MIT-0", "MIT-CMU", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib"),
    *("MPL-2.0", "PSF-2.0", "CNRI-Python", "CC0-1.0", "Unlicense"),
}
"""SPDX identifiers of accepted licences."""

EXCEPTIONS = {"psycopg": "LGPL-3.0-only", "psycopg-binary": "LGPL-3.0-only"}
"""Accepted exceptions, in optional extras, by name of distribution."""

UNSTATED = {"axe-playwright-python": "MIT"}
"""Licences of distributions whose metadata names none, from their licence file."""

OTHER_WORDS = (  # metadata from before SPDX identifiers (PEP 639), in this order
    (r"\b[AL]?GPL|GNU|Affero|Lesser", "GPL"),
    (r"Apache", "Apache-2.0"),
    (r"Mozilla|\bMPL", "MPL-2.0"),
    (r"BSD", "BSD-3-Clause"),
    (r"ISC", "ISC"),
    (r"\bMIT\b", "MIT"),
    (r"Python Software Foundation|PSF", "PSF-2.0"),
    (r"Unlicense|Public Domain", "Unlicense"),
)


def licence_of(distribution: Distribution) -> str:
    """The licence as an SPDX expression if possible: from `License-Expression`, else classifiers, else free text."""
    metadata = distribution.metadata
    if expression := metadata.get("License-Expression"):
        return expression
    classifiers = metadata.get_all("Classifier") or []
    stated = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: OSI Approved :: ")]
    text = (metadata.get("License") or "").strip().partition("\n")[0]
    return " OR ".join(map(_spdx, stated)) or _spdx(text) or UNSTATED.get(metadata["Name"], "none")


def is_taken(expression: str) -> bool:
    """Whether one side of each OR, and both sides of each AND, are in `TAKEN`. Parentheses are refused."""
    return any(
        all(part.partition(" WITH ")[0].strip() in TAKEN for part in side.split(" AND "))
        for side in expression.split(" OR ")
    )


def refused(installed: Iterable[Distribution]) -> list[str]:
    """A line for each distribution whose licence is neither in `TAKEN` nor an exception."""
    found = ((each.metadata["Name"], licence_of(each)) for each in installed)
    return [
        f"{name}: {licence}"
        for name, licence in sorted(found)
        if not is_taken(licence) and EXCEPTIONS.get(name) != licence
    ]


def _spdx(words: str) -> str:
    if is_taken(words):
        return words
    return next((licence for pattern, licence in OTHER_WORDS if re.search(pattern, words)), words)


if __name__ == "__main__":
    if lines := refused(distributions()):
        sys.exit("\n".join(("These licences are not among those that CONTRIBUTING.md names:", *lines)))
