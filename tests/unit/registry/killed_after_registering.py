"""A registry to be killed: registers one picture, prints the record's id once it is acknowledged, and waits."""

import sys
import threading
from pathlib import Path

from provenance.statement import key_file
from tests.unit.registry.desk import open_desk, register


def main(folder: Path, picture: Path) -> None:
    key_file.SCRYPT_COST = 2
    with open_desk(folder, compares=True) as registry:
        sys.stdout.write(register(registry, picture.read_bytes()).asset.id + "\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
