"""Tends a folder of local features, and suspends itself at one of the steps in which it can be overtaken.

It tells that it began by a line, and at the end what became of it.
"""

import os
import signal
import sys
from pathlib import Path

from registry.search import segment as segments
from registry.search import shard as shards
from registry.search.shard import Shard
from tests.steps import before_step


def main(folder: Path, step: int) -> None:
    from tests.unit.registry.test_shard import row

    shards.TAIL, shards.RATIO, segments.LIST = 1, 100, 4  # the tail becomes a file, and all files one
    stepped = before_step(step, suspend)
    shard = Shard(folder)
    shard.add(shard.end, 40, [row(index) for index in range(shard.end, 40)])
    segments.write = stepped(segments.write)
    Path.rename, Path.unlink, os.fsync = stepped(Path.rename), stepped(Path.unlink), stepped(os.fsync)  # type: ignore[method-assign]
    try:
        with shard.tending():
            while shard.tend():
                pass
    except OSError as error:
        say(str(error.strerror))
    else:
        say("done")


def suspend() -> None:
    say("suspended")
    os.kill(os.getpid(), signal.SIGSTOP)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
