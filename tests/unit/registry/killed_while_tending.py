"""Tends a folder of local features, and kills itself at one of the steps between which a crash can fall."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from registry.search import segment as segments
from registry.search import shard as shards
from registry.search.shard import Shard


def main(folder: Path, step: int) -> None:
    from tests.unit.registry.test_shard import row

    shards.TAIL, shards.RATIO, segments.LIST = 1, 100, 4  # the tail becomes a file, and all files one
    left = [step]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return real(*args, **named)

        return run

    shard = Shard(folder)
    shard.add(shard.end, 40, [row(index) for index in range(shard.end, 40)])
    shard.erase([], until=1)
    Path.rename, Path.unlink, os.fsync = counted(Path.rename), counted(Path.unlink), counted(os.fsync)  # type: ignore[method-assign]
    with shard.tending():
        while shard.tend():
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
