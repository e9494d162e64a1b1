"""Media: from bytes to a bounded, decoded picture, its fingerprints, its sketch and its declared marks.

`Media` takes a stranger's bytes; `fingerprint`, `draw_sketch`, `draw_thumbnail` and `read_declared` each make one
value of it. Comparing two pictures is `provenance.media.comparison`.
"""

from provenance.media.canonical import Pixels
from provenance.media.fingerprints import Fingerprints, fingerprint
from provenance.media.marks import DeclaredMetadata, Mark, read_declared
from provenance.media.media import Media
from provenance.media.sketch import SKETCH_VERSION, Sketch, draw_sketch, draw_thumbnail

__all__ = [
    "SKETCH_VERSION",
    "DeclaredMetadata",
    "Fingerprints",
    "Mark",
    "Media",
    "Pixels",
    "Sketch",
    "draw_sketch",
    "draw_thumbnail",
    "fingerprint",
    "read_declared",
]
