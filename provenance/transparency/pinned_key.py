"""What a reader's own trusted keys say of the key that a receipt names as its log's: step 2 of checking a receipt."""

from collections.abc import Mapping, Sequence
from typing import Literal

from provenance.errors import CountermarkError
from provenance.transparency.log_keys import LogKeys
from provenance.transparency.note import ED25519, ML_DSA_44, VerifierKey

Outcome = Literal["holds", "fails", "not checked"]


def judge_log_key(
    log_key: VerifierKey,
    size: int,
    log_keys: LogKeys | CountermarkError,
    trusted: Sequence[VerifierKey],
    retired: Mapping[VerifierKey, int],
) -> tuple[Outcome, str, list[VerifierKey]]:
    """Whether the log key is pinned.

    Args:
        log_key: the receipt's own word, Ed25519.
        size: of the tree that everything is proven in.
        log_keys: what the receipt's genesis and `log.key` records say, or why they say nothing.
        trusted: what the reader has from elsewhere.
        retired: of trusted keys that their log has retired, the largest tree that each signs.

    Returns:
        the outcome, a sentence for people, and the ML-DSA-44 keys of the log of which one has to have signed too: those
        that the reader trusts, or that a trusted key has handed over to.
    """
    known = None if isinstance(log_keys, CountermarkError) else log_keys
    own = [key for key in trusted if key.key_type == ML_DSA_44 and key.name == log_key.name]
    named = [key for key in known.current if key.key_type == ML_DSA_44] if known else []
    # What a retired key says later may be said by who has got hold of it.
    leading = [key for key in trusted if known is not None and key not in retired and known.vouched_by(key)]
    demanded = named if any(key in leading for key in own) else [key for key in own if key in named]
    largest, name = retired.get(log_key, size), log_key.name
    judgements: list[tuple[bool, Outcome, str, list[VerifierKey]]] = [
        (size > largest, "fails", f"{name} has retired this key: it signs trees of up to {largest} entries", []),
        (log_key in trusted, "holds", f"the key of {name} is one you trust", demanded),
        (bool(leading), "holds", f"a key of {name} that you trust has handed over to this one", demanded),
        (bool(own), "holds", f"the ML-DSA-44 key of {name} is one you trust", own),
        (
            not any(key.key_type == ED25519 for key in trusted),
            "not checked",
            f"no trusted log key was given: {name} is the receipt's own word",
            [],
        ),
        (True, "fails", f"the receipt's key of {name} is not among those you trust", []),
    ]
    return next((outcome, sentence, keys) for applies, outcome, sentence, keys in judgements if applies)
