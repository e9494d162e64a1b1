"""The photographs that the benchmarks use: fetched from Debian's packages when needed, listed in `photographs.toml`.

`apt-get download` and `dpkg-deb -x` into a folder that is kept (350 MB, some seconds). The list decides what may be
fitted on: only packages whose licence allows it, and of those the photographs whose SHA-256 is even; the rest reports.
"""

import hashlib
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

LIST = Path(__file__).with_name("photographs.toml")
FOLDER = Path(__file__).parents[1] / ".bench" / "photographs"
"""Where the packages are unpacked; not in git."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Photograph:
    """One photograph of the list: its package, its file, the SHA-256 of its bytes, and whether it may be fitted on."""

    package: str
    path: Path
    sha256: str
    fits: bool

    def pixels(self, side: int) -> Pixels:
        """Height × width × 3 RGB, upright, longest side at most `side`."""
        with Image.open(self.path) as image:
            image.draft("RGB", (side, side))
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=None)
            return np.asarray(upright, np.uint8)


def photographs(folder: Path = FOLDER) -> list[Photograph]:
    """Return every photograph of the list, ordered by digest; packages that are not there yet are fetched.

    Raises:
        SystemExit: this machine has no apt-get, or a package cannot be had.
    """
    found = []
    for package, entry in tomllib.loads(LIST.read_text("utf-8")).items():
        contents = unpacked(package, folder)
        for name in entry["photographs"]:
            path = contents / name
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            found.append(Photograph(package, path, sha256, entry["fits"] and not int(sha256[-1], 16) & 1))
    return sorted(found, key=lambda photograph: photograph.sha256)


def unpacked(package: str, folder: Path) -> Path:
    """Return where a package's files lie, fetched when they are not there yet. Raises as `photographs` does."""
    target = folder / package
    if target.is_dir():
        return target
    if not shutil.which("apt-get"):
        raise SystemExit("The photographs come from Debian's packages: this needs apt-get and dpkg-deb.")
    downloads = folder / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["apt-get", "download", "-qq", package], cwd=downloads, check=True)
        (archive,) = downloads.glob(f"{package}_*.deb")
        partial = folder / f"{package}.partial"
        subprocess.run(["dpkg-deb", "-x", str(archive), str(partial)], check=True)
    except (subprocess.CalledProcessError, ValueError) as error:
        raise SystemExit(f"{package} cannot be had; run apt-get update, and again") from error
    partial.rename(target)
    archive.unlink()
    return target
