"""The clock, and times as the tables hold them: integers of milliseconds since 1970-01-01T00:00:00Z."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def utc_now() -> datetime:
    """The system's clock, in UTC: the one place where time enters the registry."""
    return datetime.now(UTC)


def to_milliseconds(time: datetime) -> int:
    """Milliseconds since 1970 UTC of a time with a zone, rounded down."""
    return (time - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """The time in UTC, to the millisecond."""
    return _EPOCH + milliseconds * _MILLISECOND
