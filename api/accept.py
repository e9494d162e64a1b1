"""Accept headers (RFC 9110 §12.5): which of the media types on offer a client likes best, and whether it unpacks."""

from collections.abc import Sequence

_LEAST_QUALITY = 0.001
"""The smallest weight that is not "not acceptable" (RFC 9110 §12.4.2)."""


def preferred(header: str, offered: Sequence[str]) -> str:
    """The media type that is liked best; of equals, and where none is accepted, the first. Parameters do not count."""
    ranges = [_media_range(part) for part in header.split(",")]
    return max(offered, key=lambda media_type: _quality(media_type.partition(";")[0], ranges))


def takes_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header likes gzip no less than bytes as they are."""
    codings = dict(_media_range(part) for part in header.split(","))
    return codings.get("gzip", codings.get("*", 0.0)) >= max(codings.get("identity", 0.0), _LEAST_QUALITY)


def _media_range(part: str) -> tuple[str, float]:
    name, *parameters = (word.strip().lower() for word in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return name, min(1.0, max(0.0, float(value)))
            except ValueError:
                return name, 0.0
    return name, 1.0


def _quality(media_type: str, ranges: list[tuple[str, float]]) -> float:
    """As the most specific range that covers the type says."""
    for cover in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        for name, quality in ranges:
            if name == cover:
                return quality
    return 0.0
