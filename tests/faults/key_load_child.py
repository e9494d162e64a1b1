"""Logs a publisher's records from many threads while its key is rotated again and again: FOLDER. Ends by being killed.

Each line on standard output is one thing done: `logged RECORD_ID`, `rotated THUMBPRINT`, or `failed WHY`.
"""

import os
import sys
import threading
import time
from pathlib import Path

from provenance.statement.keys import Algorithm
from provenance.statement.record import AssetWithdrawn, to_canonical
from registry.bootstrap import open_registry
from registry.database import assets
from registry.keys.api_keys import DEFAULT_PUBLISHER
from registry.registry import Registry
from registry.usecases.append import append_signed
from registry.usecases.publishers import rotate_key
from tests.patience import MOMENT_SECONDS
from tests.unit.registry.log_folder import config

WRITERS = 32


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # one write, so that lines of several threads stay whole


def log_records(registry: Registry) -> None:
    while True:
        record = AssetWithdrawn(os.urandom(32), registry.now(), DEFAULT_PUBLISHER, os.urandom(32), "a test")
        canonical = to_canonical(record)
        try:
            appended = append_signed(
                registry,
                DEFAULT_PUBLISHER,
                canonical,
                lambda session, index, _, record=record: assets.withdraw(session, record, index),
            )
        except Exception as error:  # noqa: BLE001  # whatever it is, the test is told
            say(f"failed {type(error).__name__}: {error}")
        else:
            say(f"logged {appended.record_id.hex()}")


def main(folder: Path) -> None:
    registry = open_registry(config(folder))
    for _ in range(WRITERS):
        threading.Thread(target=log_records, args=(registry,), daemon=True).start()
    while True:
        time.sleep(MOMENT_SECONDS)
        try:
            key = rotate_key(registry, publisher=DEFAULT_PUBLISHER, algorithm=Algorithm.ED25519)
        except Exception as error:  # noqa: BLE001
            say(f"failed to rotate: {type(error).__name__}: {error}")
        else:
            say(f"rotated {key.thumbprint}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
