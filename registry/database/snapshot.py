"""Snapshots: one state of the database each, in a transaction that only reads. Nothing is read twice from one snapshot.

A row stays as long as its session, so that SQLAlchemy finds it again by its key (its own map holds rows weakly).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, Self, TypeVar

from sqlalchemy import Engine, event
from sqlmodel import Session

from provenance.errors import StoreCorrupt, StoreUnavailable
from registry.database.failures import translated

P = ParamSpec("P")
T = TypeVar("T")


class _ReadingSession(Session):
    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.rows: list[object] = []
        self.answers: dict[Any, Any] = {}


@event.listens_for(_ReadingSession, "loaded_as_persistent")
def _keep(session: _ReadingSession, row: object) -> None:
    session.rows.append(row)


def once(read: Callable[P, T]) -> Callable[P, T]:
    """Cache a function that reads from a session, per snapshot and arguments; a session that writes is not cached.

    Arguments must be hashable, and results must not be changed.
    """

    @wraps(read)
    def known(*args: P.args, **named: P.kwargs) -> T:
        session = next((each for each in args if isinstance(each, _ReadingSession)), None)
        if session is None:
            return read(*args, **named)
        key = (read, args, *sorted(named.items()))
        if key not in session.answers:
            session.answers[key] = read(*args, **named)
        answer: T = session.answers[key]
        return answer

    return known


def remember(session: Session, read: Callable[[Session], T], answer: T) -> None:
    """Have `read`, a function of `once`, give this answer for the snapshot: it was read along with something else."""
    if isinstance(session, _ReadingSession):
        session.answers[getattr(read, "__wrapped__", read), (session,)] = answer


class Snapshot:
    """A snapshot for one thread, taken at the first read and kept until `release`; the next read takes a new one."""

    def __init__(self, engine: Engine, before_read: Callable[[], None]) -> None:
        self._engine = engine
        self._before_read = before_read
        self._session: _ReadingSession | None = None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """The session. Raises StoreUnavailable and StoreCorrupt for what the database reports, also inside the block;
        no snapshot survives these."""
        try:
            if self._session is None:
                self._before_read()
                self._session = _ReadingSession(self._engine)
            with translated():
                yield self._session
        except (StoreCorrupt, StoreUnavailable):
            self.release()
            raise

    def release(self) -> None:
        """End the snapshot, which would keep SQLite's WAL from shrinking and an erasure from finishing."""
        session, self._session = self._session, None
        if session is not None:
            with translated():
                session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
