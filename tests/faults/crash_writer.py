"""A writer to be traced: registers pictures in a newsroom from four threads, and says which were acknowledged.

"normal" as second argument weakens SQLite's `synchronous` to NORMAL, to see that the test would notice.
"""

import os
import sys
import threading
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from tests.unit.registry.newsroom import Newsroom

THREADS, EACH = 4, 6


def main(folder: Path, synchronous: str) -> None:
    if synchronous == "normal":

        def weaken(connection: Connection) -> None:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA synchronous = NORMAL").close()

        event.listen(Engine, "begin", weaken)  # before the engine's own listener begins the transaction
    newsroom = Newsroom(folder)

    def work(thread: int) -> None:
        for number in range(EACH):
            appended = newsroom.register(f"{thread}-{number}").result()
            os.write(1, f"ack {appended.index} {appended.record_id.hex()}\n".encode())

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    newsroom.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
