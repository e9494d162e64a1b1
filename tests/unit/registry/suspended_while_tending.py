"""Tends a folder of local features, and suspends itself at one of the steps in which it can be overtaken.

It tells that it began by a line, and at the end what became of it.
"""

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
            left[0] -= 1
            if left[0] == -1:
                say("suspended")
                os.kill(os.getpid(), signal.SIGSTOP)
            return real(*args, **named)

        return run

    shard = Shard(folder)
    shard.add(shard.end, 40, [row(index) for index in range(shard.end, 40)])
    segments.write = counted(segments.write)
    Path.rename, Path.unlink, os.fsync = counted(Path.rename), counted(Path.unlink), counted(os.fsync)  # type: ignore[method-assign]
    try:
        with shard.tending():
            while shard.tend():
                pass
    except OSError as error:
        say(str(error.strerror))
    else:
        say("done")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
