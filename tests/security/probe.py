"""The acts, tried from a worker of a sandbox in a process of its own, so that they can be tried as another user.

``python -m tests.security.probe FOLDER`` prints JSON: how the worker was confined, and what each act came to.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from registry.sandbox import Sandbox
from tests.security import acts


def main(folder: str) -> None:
    with subprocess.Popen(["sleep", "600"]) as victim:
        sandbox = Sandbox(1, modules=("tests.security.acts",))
        try:
            mine = Path(folder, "upload")
            outcomes = sandbox.run(acts.outcomes, acts.Targets(folder, victim.pid, mine), cpu_seconds=30)  # type: ignore[arg-type] # a worker gets a file
            threads = sandbox.run(acts.count_threads, 100)
            held = sandbox.confinement
            lived = victim.poll() is None
        finally:
            victim.kill()
            sandbox.close()
    assert held is not None
    print(json.dumps({"held": asdict(held), "outcomes": outcomes, "lived": lived, "threads": threads}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
