"""Tends a folder of local features, and kills itself at one of the steps between which a crash can fall."""

import os
import sys
from pathlib import Path

from registry.search import segment as segments
from registry.search import shard as shards
from registry.search.shard import Shard
from tests.steps import before_step, kill_this_process


def main(folder: Path, step: int) -> None:
    from tests.unit.registry.test_shard import row

    shards.TAIL, shards.RATIO, segments.LIST = 1, 100, 4  # the tail becomes a file, and all files one
    stepped = before_step(step, kill_this_process)
    shard = Shard(folder)
    shard.add(shard.end, 40, [row(index) for index in range(shard.end, 40)])
    shard.erase([], until=1)
    Path.rename, Path.unlink, os.fsync = stepped(Path.rename), stepped(Path.unlink), stepped(os.fsync)  # type: ignore[method-assign]
    with shard.tending():
        while shard.tend():
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
