"""Files that are cheap to send and cost much to look at."""

import io

from PIL import Image

_SOS, _EOI = b"\xff\xda", b"\xff\xd9"


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG of one colour whose last scan is repeated: 75 bytes each, in which every block is visited.

    A decoder goes over all coefficients once for each (libjpeg-turbo: "Two Issues with the JPEG Standard", 2015).
    """
    file = io.BytesIO()
    Image.new("L", (side, side), 128).save(file, "JPEG", progressive=True, quality=90)
    whole = file.getvalue()
    last = whole.rindex(_SOS)
    return whole[: -len(_EOI)] + whole[last : -len(_EOI)] * scans + _EOI
