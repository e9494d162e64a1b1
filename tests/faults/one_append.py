"""A process of which strace makes one append fail: opens a small newsroom, and appends when it is told to.

Reads commands from standard input, a line each, and answers each with a line. Each newsroom is opened in a child of its
own, forked from here, so that importing is paid for once.
"""

import os
import sys
import traceback
from pathlib import Path

from provenance.errors import CountermarkError
from tests.patience import HUNG_SECONDS
from tests.unit.registry.newsroom import Newsroom


def main() -> None:
    while command := sys.stdin.readline().split():
        assert command[0] == "open"
        child = os.fork()
        if child == 0:
            try:
                _newsroom(Path(command[1]))
            except BaseException:  # noqa: BLE001  (said, and the exit code tells)
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        _say(f"ended {os.waitstatus_to_exitcode(status)}")


def _newsroom(folder: Path) -> None:
    newsroom = Newsroom(folder)
    _say(f"opened {os.getpid()}")
    while True:
        command, *names = sys.stdin.readline().split()
        if command == "close":
            newsroom.close()
            return
        try:
            appended = newsroom.register(names[0]).result(HUNG_SECONDS)
            _say(f"logged {appended.index} {appended.record_id.hex()}")
        except CountermarkError as error:
            _say(f"refused {type(error).__name__}: {error}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
