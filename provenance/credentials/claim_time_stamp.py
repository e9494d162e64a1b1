"""The time stamps of a claim: what they state, and which list for time stamps vouches for them.

C2PA 2.4, "Time-stamps"; RFC 3161. c2pa 0.91 believes every stamp of a claim of version 1, whoever made it, and of an
ingredient's it repeats what another signer recorded. So each is checked here again, with nothing but our lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from provenance.credentials.jumbf import Stamp
from provenance.errors import CountermarkError
from provenance.transparency import timestamp


@dataclass(frozen=True)
class TimeStamp:
    """A time stamp beside a signature.

    Attributes:
        time: what it states; None where it cannot be read.
        authority: name on the certificate of whoever made it: a stranger's text, unless `trust_list` is given.
        trust_list: name and version of the list for time stamps that vouches for it: only then is it trusted.
    """

    time: datetime | None
    authority: str | None
    trust_list: str | None


def check(stamp: Stamp, anchors: Sequence[timestamp.TimestampAuthority]) -> TimeStamp:
    """What `stamp` states; trusted if it is over its message and leads to one of `anchors`."""
    try:
        token = timestamp.token_of(stamp.token)
        time, authority = timestamp.stated_time(token)
    except CountermarkError:
        return TimeStamp(None, None, None)
    try:
        return TimeStamp(time, authority, timestamp.verify_timestamp(token, stamp.message, anchors).authority)
    except CountermarkError:
        return TimeStamp(time, authority, None)
