"""Rotates the log's key of a data folder, and kills itself at the Nth call in our own code: FOLDER N."""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from provenance.statement import key_file
from tests.unit.registry.log_folder import Log

OURS = ("/registry/", "/provenance/transparency/", "/provenance/statement/")


class Countdown:
    """Counts calls on every thread, once armed."""

    def __init__(self, calls: int) -> None:
        self.left = calls
        self.armed = False

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        if self.armed and event == "call" and any(part in frame.f_code.co_filename for part in OURS):
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, calls: int) -> None:
    """Ends by the kill, or else prints how many calls were left."""
    key_file.SCRYPT_COST = 2
    countdown = Countdown(calls)
    threading.setprofile(countdown)  # before the store and the log start theirs
    with Log(folder) as log:
        sys.setprofile(countdown)
        countdown.armed = True
        log.rotate()
        countdown.armed = False
    sys.stdout.write(f"{countdown.left}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
