"""Quotation of untrusted text in our sentences.

Whoever may choose a name, a title or a reason can put quotation marks into it, close ours, and go on in our voice. So
every such text goes into a sentence through `quote`, and a fact that we established stands before it, never behind.
"""

import re
import unicodedata

MAX_QUOTED = 256
"""Characters of a stranger's text that a sentence repeats: a report has the whole of it in a field of its own."""

_CATEGORIES = ("Pi", "Pf")  # Unicode's initial and final quotation marks: “ ” ‘ ’ « » ‹ › and their kin
_OTHERS = frozenset(
    "\"'`´"  # typewriter
    "\u201a\u201e\u275b\u275c\u275d\u275e\u275f\u2760\u276e\u276f\U0001f676\U0001f677\U0001f678"  # low, ornamental
    "\u02ba\u02bb\u02bc\u02bd\u02ca\u02cb\u02dd\u02ee\u02f5\u02f6\u05f3\u05f4"  # letters that look like marks
    "\u2032\u2033\u2034\u2035\u2036\u2037\u2057"  # primes
    "\u300c\u300d\u300e\u300f\u301d\u301e\u301f\ufe41\ufe42\ufe43\ufe44\uff02\uff07\uff62\uff63"  # East Asian
)


def quote(text: str, most: int = MAX_QUOTED) -> str:
    """`text` on one line between our quotation marks, which it cannot close.

    Every quotation mark in it becomes an apostrophe, several in a row one; what cannot be shown (control characters,
    changes of direction) is left out; what is longer than `most` characters ends in an ellipsis.
    """
    spaced = "".join(" " if character.isspace() else character for character in text)
    shown = "".join("'" if _is_mark(character) else character for character in spaced if character.isprintable())
    line = re.sub("'+", "'", " ".join(shown.split()))
    return f"“{line if len(line) <= most else line[: most - 1].rstrip() + '…'}”"


def _is_mark(character: str) -> bool:
    return character in _OTHERS or unicodedata.category(character) in _CATEGORIES
