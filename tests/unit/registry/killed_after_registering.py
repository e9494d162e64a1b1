"""A registry to be killed: registers one picture, prints the record's id once it is acknowledged, and waits."""

import sys
import threading
from pathlib import Path

from bench.matching.observed import observed_registry
from provenance.statement import key_file


def main(folder: Path, picture: Path) -> None:
    key_file.SCRYPT_COST = 2
    with observed_registry(folder) as registry:
        sys.stdout.write(registry.register(picture, picture.stem) + "\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
