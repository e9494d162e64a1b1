"""The leader: of all processes on one database, the one that signs for the log.

It holds a PostgreSQL advisory lock on a connection of its own, and its *term* is a fencing token: a number that grows
with each election. What it writes as the leader confirms the term in the same transaction, so that a process which was
stopped, replaced and continued writes nothing more. A leader without a beat for `SILENCE_SECONDS` has
its connections ended by the server, which frees what it has locked; so has a follower that was suspended while it sent
a batch, which the leader finds. A leader that beats but publishes nothing, because a step hangs or fails, steps down if
another process can lead. Only the database and monotonic clocks are relied on.
"""

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from provenance.errors import StoreUnavailable
from registry.database.failures import database_errors, translate
from registry.database.signals import CHANNEL
from registry.database.tables import LogLeader

BEAT_SECONDS = 0.5
"""Seconds between two beats of a leader, and between two tries of a stand-by."""

SILENCE_SECONDS = 2.5
"""Seconds without a beat after which a leader is replaced: five missed beats, and half of the five seconds in which a
stand-by has to have taken over. Also those in which a follower sends nothing more of a batch."""

ABSTAIN_SECONDS = 3.0
"""Seconds that a process that stepped down does not stand for election: others try twice a second."""

_HANDOVER_SECONDS = 0.05  # until the server has ended the connections of a leader that is replaced

_LOCK = 0x636D_6C6F_675F_6C64  # "cmlog_ld"

_EPOCH = select_rows(LogLeader.epoch).where(col(LogLeader.id) == 1)
_TRY = text("SELECT pg_try_advisory_lock(:lock)")
_RELEASE = text("SELECT pg_advisory_unlock(:lock), pg_notify(:channel, '')")
_ELECT = text("UPDATE log_leader SET epoch = epoch + 1, beat = 0 RETURNING epoch")
_BEAT = text("UPDATE log_leader SET beat = beat + 1 WHERE epoch = :term")
_HOLDER = """
    SELECT max(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32) | objid::bigint = :lock
"""
_OBSERVE = text(f"SELECT epoch, beat, ({_HOLDER}) FROM log_leader")  # noqa: S608  (no stranger's text)
# Other processes that stand for election: each has connections under a name of its own (`Postgresql`).
_OTHERS = text(
    """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND application_name LIKE 'countermark %' AND application_name <> current_setting('application_name')
    """
)
# Connections of other processes on which the server waits for the rest of a batch, which psycopg sends as a pipeline:
# until its end no time-out of an idle transaction applies.
_SENDING = text(
    """
    SELECT pid, query_start FROM pg_stat_activity WHERE datname = current_database()
    AND application_name LIKE 'countermark %' AND application_name <> current_setting('application_name')
    AND state = 'active' AND wait_event = 'ClientRead'
    """
)
# All connections of a process, by the name that they have in common: what it may have locked.
_END = text(
    """
    SELECT pg_terminate_backend(each.pid) FROM pg_stat_activity AS each
    JOIN pg_stat_activity AS holder USING (datname, application_name)
    WHERE holder.pid = :pid AND datname = current_database()
    """
)

log = logging.getLogger(__name__)


class Leadership(Protocol):
    """Whether this process signs for the log."""

    @property
    def term(self) -> int | None:
        """The fencing token of this process while it leads; None while another does."""

    def confirm(self, session: Session, term: int) -> None:
        """Inside a transaction that writes as the leader: raises StoreUnavailable if the term has ended."""

    def current(self, session: Session) -> int:
        """The current term, whoever leads."""

    def watch(self, on_change: Callable[[], None], is_progressing: Callable[[], bool]) -> None:
        """Call `on_change`, from another thread, whenever the log or the leadership may have changed.

        `is_progressing`, called from that thread too, says whether publication advances.
        """

    def resign(self) -> None:
        """Step down for good: this process has stopped signing."""

    def close(self) -> None:
        """Step down."""


class SoleLeadership:
    """The process that has locked its data folder leads: there is no other."""

    term = 0

    def confirm(self, session: Session, term: int) -> None:
        """Nothing to check: no other process can lead."""

    def current(self, session: Session) -> int:
        """There is one term."""
        return self.term

    def watch(self, on_change: Callable[[], None], is_progressing: Callable[[], bool]) -> None:
        """Nothing to watch: no other process writes."""

    def resign(self) -> None:
        """There is nobody else to lead."""

    def close(self) -> None:
        """The lock of the folder is the store's."""


class ElectedLeadership:
    """Stands for election on a PostgreSQL database, and listens to its signals, in a thread of its own."""

    def __init__(self, engine: Engine) -> None:
        """`engine` gives connections that commit each statement. Stands once at once. Raises StoreUnavailable."""
        self._engine = engine
        self._watchers: list[Callable[[], None]] = []
        self._woken, self._wake = os.pipe()
        self._closed = False
        self._resigned = False
        self._is_progressing: Callable[[], bool] = lambda: True
        self._term: int | None = None
        # The thread's own:
        self._connection: Connection | None = None
        self._seen: tuple[Any, ...] = ()
        self._seen_at = 0.0
        self._sending: dict[tuple[Any, ...], float] = {}
        self._turn_at = 0.0
        self._stand_at = 0.0
        try:
            self._turn()
        except database_errors() as error:
            self._disconnect()
            raise translate(error) from error
        self._thread = threading.Thread(target=self._run, name="countermark-leadership", daemon=True)
        self._thread.start()

    @property
    def term(self) -> int | None:
        """The fencing token of this process while it leads; None while another does."""
        return self._term

    def confirm(self, session: Session, term: int) -> None:
        """Raises StoreUnavailable where the term has ended. Until the transaction ends, nobody else is elected."""
        current = session.exec(_EPOCH.with_for_update(read=True)).one()
        if current != term:
            raise StoreUnavailable("another process has taken over the log")

    def current(self, session: Session) -> int:
        """The current term, whoever leads."""
        return session.exec(_EPOCH).one()

    def watch(self, on_change: Callable[[], None], is_progressing: Callable[[], bool]) -> None:
        """Call `on_change`, from this object's thread, whenever the log or the leadership may have changed.

        `is_progressing`, called from that thread too, says whether publication advances.
        """
        self._is_progressing = is_progressing
        self._watchers.append(on_change)

    def resign(self) -> None:
        """Step down for good at the next beat: this process has stopped signing."""
        self._resigned = True

    def close(self) -> None:
        """Step down, and notify the other processes."""
        self._closed = True
        os.write(self._wake, b"x")
        self._thread.join()
        os.close(self._wake)
        os.close(self._woken)

    def _run(self) -> None:
        while not self._closed:
            before, changed = self._term, False
            try:
                if time.monotonic() >= self._turn_at:
                    self._turn()
                if self._connection is not None:
                    changed = self._listen(self._connection)
            except database_errors(OSError) as error:
                self._disconnect()
                log.warning("the election for the log was interrupted: %s", translate(error))
                self._turn_at = time.monotonic() + BEAT_SECONDS / 2
            if self._connection is None:
                select.select([self._woken], [], [], max(0.0, self._turn_at - time.monotonic()))
            if self._term != before:
                log.info("this process %s", "leads the log" if self._term is not None else "no longer leads the log")
                changed = True
            if changed:
                for on_change in self._watchers:
                    on_change()
        self._hand_over()

    def _turn(self) -> None:
        """Beat as the leader, or stand for election."""
        self._turn_at = time.monotonic() + BEAT_SECONDS
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.exec_driver_sql(f"LISTEN {CHANNEL}")
        if self._term is not None:
            if self._must_step_down(self._connection):
                log.warning("this process %s, and steps down", "has stopped signing" if self._resigned else "hangs")
                self._connection.execute(_RELEASE, {"lock": _LOCK, "channel": CHANNEL})
                self._term, self._stand_at = None, time.monotonic() + ABSTAIN_SECONDS
            elif self._connection.execute(_BEAT, {"term": self._term}).rowcount != 1:
                raise SQLAlchemyError("another process has taken over the log")
            else:
                self._free_head(self._connection)
        elif self._resigned or time.monotonic() < self._stand_at or not self._is_progressing():
            self._seen = ()
        elif self._connection.execute(_TRY, {"lock": _LOCK}).scalar_one():
            self._term = int(self._connection.execute(_ELECT).scalar_one())
        else:
            self._observe(self._connection)

    def _must_step_down(self, connection: Connection) -> bool:
        return self._resigned or (not self._is_progressing() and connection.execute(_OTHERS).scalar_one() > 0)

    def _observe(self, connection: Connection) -> None:
        """Have the server end the connections of a leader that has died or was suspended."""
        seen = tuple(connection.execute(_OBSERVE, {"lock": _LOCK}).one())
        now = time.monotonic()
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        elif now - self._seen_at >= SILENCE_SECONDS:
            log.warning("the leader of the log has been silent for %.1f s and is replaced", now - self._seen_at)
            connection.execute(_END, {"pid": seen[2]})
            self._seen = ()
            self._turn_at = now + _HANDOVER_SECONDS

    def _free_head(self, connection: Connection) -> None:
        """Have the server end the connections of a follower that was suspended while it sent a batch."""
        now = time.monotonic()
        sending = [tuple(row) for row in connection.execute(_SENDING)]
        self._sending = {each: self._sending.get(each, now) for each in sending}
        for (pid, _), since in self._sending.items():
            if now - since >= SILENCE_SECONDS:
                log.warning("a process has sent nothing more of a batch for %.1f s and is disconnected", now - since)
                connection.execute(_END, {"pid": pid})

    def _listen(self, connection: Connection) -> bool:
        """Wait for a signal, until the next turn is due at most; whether there was one."""
        driver: Any = connection.connection.driver_connection
        pause = max(0.0, self._turn_at - time.monotonic())
        readable, _, _ = select.select([driver.fileno(), self._woken], [], [], pause)
        return bool(readable) and bool(list(driver.notifies(timeout=0)))

    def _hand_over(self) -> None:
        with suppress(*database_errors()):
            if self._connection is not None and self._term is not None:
                self._connection.execute(_RELEASE, {"lock": _LOCK, "channel": CHANNEL})
        self._disconnect()

    def _disconnect(self) -> None:
        self._term = None
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*database_errors()):
                connection.invalidate()
                connection.close()
