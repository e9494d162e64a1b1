"""Signals: every process on a PostgreSQL database hears of each change of the log (NOTIFY).

A signal says only that there is something to look at. It may be lost with the connection that listens, so who waits
for one looks by itself now and then.
"""

from sqlalchemy import text
from sqlmodel import Session

CHANNEL = "countermark_log"

_TELL = text("SELECT pg_notify(:channel, '')")


def on_postgresql(session: Session) -> bool:
    """Whether the session is on PostgreSQL; else it is on SQLite."""
    return session.get_bind().dialect.name == "postgresql"


def tell(session: Session) -> None:
    """Signal, when the transaction commits. On SQLite there is nobody else to tell."""
    if on_postgresql(session):
        session.connection().execute(_TELL, {"channel": CHANNEL})
