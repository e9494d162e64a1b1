"""A registry to be killed: registers pictures from four threads, and prints each name once it is acknowledged."""

import sys
import threading
from pathlib import Path

from tests.unit.registry.newsroom import Newsroom


def main(folder: Path, run: str) -> None:
    newsroom = Newsroom(folder)
    if newsroom.sequencer.size == 0:
        newsroom.found()
    sys.stdout.write("ready\n")
    sys.stdout.flush()

    def work(thread: int) -> None:
        number = 0
        while True:
            name = f"{run}-{thread}-{number}"
            appended = newsroom.register(name).result()
            sys.stdout.write(f"{name} {appended.index} {appended.record_id.hex()}\n")
            sys.stdout.flush()
            number += 1

    for thread in range(4):
        threading.Thread(target=work, args=(thread,), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
