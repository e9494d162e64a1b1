"""Writes a file of hashes anew, and kills itself at one of the steps between which a crash can fall."""

import os
import sys
from pathlib import Path

from registry.database import Store
from tests.steps import before_step, kill_this_process


def main(folder: Path, step: int) -> None:
    from tests.unit.registry.test_hash_files import make_small, started

    make_small(setattr)
    stepped = before_step(step, kill_this_process)
    store = Store.open(folder / "data")
    os.fsync, os.fdatasync = stepped(os.fsync), stepped(os.fdatasync)
    Path.rename, Path.unlink = stepped(Path.rename), stepped(Path.unlink)  # type: ignore[method-assign]
    started(folder).tend(store)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
