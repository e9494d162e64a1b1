"""Checks the client as it is installed from the wheels alone, by the Python of an empty environment: `make dist`.

It says how large it is, and how much processor time it takes to import it and to show help.
"""

import importlib.util
import os
import resource
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

MAX_BYTES = 60_000_000
"""Of all that `pip install countermark` brings, compiled."""
MAX_SECONDS = 0.3
"""Of processor time, on a machine that is not much slower than a laptop of 2024."""
UNREACHABLE = 3
"""Exit status where no service answers."""
NOT_THERE = ("c2pa", "cv2", "dask", "imagehash", "numpy", "obstore", "PIL", "scipy")

COMMAND = str(Path(sysconfig.get_path("scripts")) / "countermark")


def size() -> int:
    """Bytes of what was installed, but for pip and setuptools."""
    brought = [each for each in distributions() if each.metadata["Name"] not in ("pip", "setuptools")]
    sources = [Path(str(each.locate_file(file))) for each in brought for file in each.files or ()]
    compiled = [Path(importlib.util.cache_from_source(str(path))) for path in sources if path.suffix == ".py"]
    return sum(path.stat().st_size for path in {*sources, *compiled} if path.is_file())


def seconds(*command: str) -> float:
    """The least processor time of five runs."""
    taken = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


def faults() -> Iterator[str]:
    """What is not as it should be."""
    yield from (f"{name} is for an extra" for name in NOT_THERE if importlib.util.find_spec(name))
    subprocess.run([sys.executable, "-m", "compileall", "-q", sysconfig.get_path("purelib")], check=True)  # noqa: S603
    brought, importing = size(), seconds(sys.executable, "-c", "from countermark import Client")
    helping = seconds(COMMAND, "--help")
    sys.stdout.write(f"countermark: {brought / 1e6:.1f} MB; import {importing:.2f} s, --help {helping:.2f} s of CPU\n")
    if brought > MAX_BYTES:
        yield f"more than {MAX_BYTES:,} bytes"
    if max(importing, helping) > MAX_SECONDS and not os.environ.get("SLOW_MACHINE"):
        yield f"more than {MAX_SECONDS} s of processor time (SLOW_MACHINE=1 lets that be)"
    asked = [COMMAND, "verify", "picture.jpg", "--url", "http://127.0.0.1:1"]
    if subprocess.run(asked, check=False, capture_output=True).returncode != UNREACHABLE:  # noqa: S603
        yield "the command does not run"


if __name__ == "__main__":
    sys.exit("\n".join(faults()) or 0)
