"""Signals: a PostgreSQL NOTIFY to every process on the database after each change of the log.

A signal has no content, and is lost if the listening connection breaks: a process that waits for one also polls.
"""

from sqlalchemy import text
from sqlmodel import Session

CHANNEL = "countermark_log"

_NOTIFY = text("SELECT pg_notify(:channel, '')")


def on_postgresql(session: Session) -> bool:
    """Whether the session is on PostgreSQL, not on SQLite."""
    return session.get_bind().dialect.name == "postgresql"


def notify(session: Session) -> None:
    """Send a signal when the transaction commits; on SQLite no other process can listen."""
    if on_postgresql(session):
        session.connection().execute(_NOTIFY, {"channel": CHANNEL})
