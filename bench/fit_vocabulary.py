"""Fit the vocabulary of the local features, and write provenance/media/vocabulary.npz (34 KB).

    python -m bench.fit_vocabulary

From the photographs that may be fitted on (`photographs.toml`), each at three sizes, as it is and recompressed: about
80,000 descriptors. Two minutes on one core.
"""

import sys

import cv2
import numpy as np
from rich.progress import track

from bench.alterations import recompressed
from bench.photographs import LIST, photographs
from provenance.media.canonical import shrink
from provenance.media.comparison import geometry
from provenance.media.local_features import CENTROIDS, HALF, rotate

OUTPUT = LIST.parents[1] / "provenance" / "media" / "vocabulary.npz"
SIDES = (geometry.SIFT_SIDE, 280, 200)
SAMPLE = 60_000
"""Descriptors that are clustered."""

ROUNDS = 20


def main() -> None:
    """Fit and write."""
    cv2.setNumThreads(1)
    descriptors = []
    fitting = [photograph for photograph in photographs() if photograph.fits]
    for photograph in track(fitting, description="Describing", disable=not sys.stderr.isatty()):
        pixels = photograph.pixels(1024)
        for side in SIDES:
            small = shrink(pixels, side)
            descriptors += [
                geometry.detect_sift(geometry.grey(p)).descriptors for p in (small, recompressed(small, 50))
            ]
    every = np.concatenate(descriptors)
    mean = every.mean(0)
    chosen = np.random.default_rng(1).choice(len(every), min(SAMPLE, len(every)), replace=False)
    turned = rotate(every[chosen], mean)
    cv2.setRNGSeed(1)
    stop = (cv2.TERM_CRITERIA_MAX_ITER, ROUNDS, 0.0)
    centroids = [
        cv2.kmeans(np.ascontiguousarray(half), CENTROIDS, None, stop, 1, cv2.KMEANS_PP_CENTERS)[2]
        for half in (turned[:, :HALF], turned[:, HALF:])
    ]
    np.savez(OUTPUT, mean=mean.astype(np.float16), centroids=np.stack(centroids).astype(np.float16))
    print(f"{len(every):,} descriptors of {len(fitting)} photographs; {OUTPUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
