"""A registry process that registers pictures from several threads until it is killed.

Prints "leads TERM" and "follows" as the election goes, and "NAME INDEX RECORD" for what is acknowledged. As a client
would, it tries again what was not acknowledged.
"""

import logging
import sys
import threading
import time
from pathlib import Path

from provenance.errors import StoreUnavailable
from tests.patience import HUNG_SECONDS, POLL_SECONDS
from tests.unit.registry.newsroom import Newsroom

THREADS = 3


def main(run: str, folder: str, database: str, objects: str, high_water: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s.%(msecs)03d %(threadName)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    newsroom = Newsroom(
        Path(folder),
        database=database,
        objects=objects if "://" in objects else Path(objects),
        high_water=high_water if "://" in high_water else Path(high_water),
    )
    if newsroom.sequencer.size == 0:
        newsroom.found()
    say("ready")

    def work(thread: int) -> None:
        number = 0
        while True:
            name = f"{run}-{thread}-{number}"
            try:
                appended = newsroom.register(name, salt=str(time.monotonic_ns())).result(HUNG_SECONDS)
            except StoreUnavailable as error:
                say(f"again {name}: {error}")
                time.sleep(POLL_SECONDS)
                continue
            say(f"{name} {appended.index} {appended.record_id.hex()}")
            number += 1

    for thread in range(THREADS):
        threading.Thread(target=work, args=(thread,), daemon=True).start()
    term: object = ()
    while True:
        if term != newsroom.store.leadership.term:
            term = newsroom.store.leadership.term
            say("follows" if term is None else f"leads {term}")
        if not newsroom.sequencer.state.signing:
            say(f"stopped {newsroom.sequencer.state.reason}")
        time.sleep(POLL_SECONDS)


_speech = threading.Lock()


def say(line: str) -> None:
    with _speech:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
