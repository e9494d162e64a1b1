"""Writes a file of hashes anew, and kills itself at one of the steps between which a crash can fall."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from registry.database import Store


def main(folder: Path, step: int) -> None:
    from tests.unit.registry.test_hash_files import make_small, started

    make_small(setattr)
    left = [step]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return real(*args, **named)

        return run

    store = Store.open(folder / "data")
    os.fsync, os.fdatasync = counted(os.fsync), counted(os.fdatasync)
    Path.rename, Path.unlink = counted(Path.rename), counted(Path.unlink)  # type: ignore[method-assign]
    started(folder).tend(store)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
