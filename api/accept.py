"""Accept headers (RFC 9110 §12.5.1): which of the media types on offer a client likes best."""

from collections.abc import Sequence


def preferred(header: str, offered: Sequence[str]) -> str:
    """The media type that is liked best; of equals, and where none is accepted, the first. Parameters do not count."""
    ranges = [_media_range(part) for part in header.split(",")]
    return max(offered, key=lambda media_type: _quality(media_type.partition(";")[0], ranges))


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
