"""When to try again, and how long to wait before: two retries, 0.5 s doubling to 8 s, jitter, Retry-After."""

from collections.abc import Mapping

DEFAULT_RETRIES = 2
FIRST_WAIT = 0.5
"""Seconds before the first retry."""
LONGEST_WAIT = 8.0
"""Seconds at most between two tries, unless the service asks for more."""
LONGEST_RETRY_AFTER = 120.0
"""Seconds of Retry-After that are honoured; a longer wait is the caller's decision."""
RETRIED_STATUS = frozenset({408, 429, 500, 502, 503, 504})


def wait_before_retry(attempt: int, headers: Mapping[str, str] | None, jitter: float) -> float:
    """Seconds to wait before retry number `attempt` (1, 2, …). `jitter` is a random number in [0, 1)."""
    try:
        asked = float((headers or {}).get("retry-after", ""))
    except ValueError:
        asked = -1.0
    if 0 <= asked <= LONGEST_RETRY_AFTER:
        return asked
    wait: float = min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT)
    return wait * (1 - 0.25 * jitter)


def worth_retrying(status: int, headers: Mapping[str, str]) -> bool:
    """Whether another try can help: not when the service asks to wait longer than we would."""
    if status not in RETRIED_STATUS:
        return False
    try:
        return float(headers.get("retry-after", "0")) <= LONGEST_RETRY_AFTER
    except ValueError:
        return True
