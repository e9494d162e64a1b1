"""Appearance: what decides, beside the decoded pixels, how a file is shown, and what else it can show.

The pixels of `digest_pixels` are laid over white, and the numbers are those in the file. So two files with the same
pixels may be shown differently: over a dark page, by another colour profile, or by other colour values (`colours`). The
appearance digest covers that, too: the transparency by its samples, a profile by its bytes (converters round
differently), colour values by what they are. What else a file can show is named, and not covered: later frames, the
further pictures of a JPEG (CIPA DC-007, "Multi-Picture Format"), a gain map (ISO 21496-1), which lightens parts of a
picture on displays that can do so.
"""

import colorsys
import hashlib
import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.ImageFile import ImageFile

from provenance.errors import UndecodableMedia
from provenance.media.colours import Code, Colours, boxes, is_recolouring, read_colours
from provenance.media.formats import brands, decoding, open_header
from provenance.media.media import Media
from provenance.media.raster import draw_alpha, turn
from provenance.statement.appearance_digest import COLOURS, PROFILE, TRANSPARENCY

_FIRST_LINE = "countermark-pixels-2"

FRAMES, PICTURES, GAIN_MAP = "frames or pages after the first", "a second picture", "a gain map"

GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/", b"http://ns.apple.com/HDRGainMap/", b"urn:iso:std:iso:ts:21496:-1")
"""Namespaces and names by which a part says that it is a gain map, or describes one."""

_SRGB_COLUMNS = {
    b"rXYZ": (0.4360, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
"""XYZ of sRGB's primaries, adapted to D50 (IEC 61966-2-1; ICC.1:2022, annex E)."""

_SAME_COLUMN = 0.003
"""XYZ: profiles that mean sRGB differ by a fifth of that."""

_SAME_CURVE = 0.01
"""Of linear light: so far a plain power of 2.2 is from the curve of sRGB."""

_SAME_GAMMA = 500
"""Of 45,455 (PNG, chunk gAMA): programs round 1/2.2 in several ways."""

_UNSPECIFIED = b"cicp" + bytes(4) + bytes((2, 2, 0, 1))

_MAX_TAGS = 200
"""Tags of a profile: those in use have up to 30."""

_GREYS = np.repeat(np.linspace(0, 255, 17).astype(np.uint8), 3).reshape(1, 17, 3)
_HUES = np.array([[[255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 255, 255], [0, 0, 255], [255, 0, 255]]], np.uint8)

_OTHER_TONE = 40.0
"""Of 255: a gamma of 1.8, as of ProPhoto RGB, moves a grey by 20."""

_OTHER_HUE = 30 / 360
"""Of the circle: half the way from a primary colour to the next mixed one."""

_FADED = 0.3
"""Saturation (HSV) of a primary colour: a small monitor's have 0.7."""

Curve = NDArray[np.float64]
_INPUT: Curve = np.linspace(0, 1, 17)
_SRGB: Curve = np.where(_INPUT <= 0.04045, _INPUT / 12.92, ((_INPUT + 0.055) / 1.055) ** 2.4)


Part = tuple[str, bytes]
"""Name and SHA-256 of something that decides how pixels are shown."""


@dataclass(frozen=True)
class Appearance:
    """What a file has beside its pixels.

    Attributes:
        covered: name and SHA-256 of each part that the digest covers, in a fixed order.
        uncovered: names of what it does not.
        recoloured_by: of its colour profile and its colour values, what of `covered` they are, where one of them shows
            other colours than the pixels say (`shows_other_colours`); none of usual ones.
    """

    covered: tuple[Part, ...] = ()
    uncovered: tuple[str, ...] = ()
    recoloured_by: tuple[Part, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of all parts."""
        return (*(name for name, _ in self.covered), *self.uncovered)


def read_appearance(media: Media) -> Appearance:
    """Read what decides, beside the pixels, how `media` is shown. A file with transparency is decoded once more.

    Raises:
        MediaError: it cannot be decoded.
    """
    header = open_header(media.data, media.media_type)
    with decoding(media.media_type):
        alpha = draw_alpha(open_header(media.data, media.media_type))
        if alpha is not None and media.media_type != "image/tiff":
            alpha = turn(alpha, media.orientation)
    profile = _profile(header)
    unread: tuple[str, ...] = ()
    try:
        colours = read_colours(media.data, media.media_type)
    except UndecodableMedia:
        colours, unread = Colours(), (COLOURS,)
    # A PNG's stand before its profile (third edition, 4.3), an AVIF's or HEIC's behind it (ISO/IEC 23000-22).
    counts = not colours.usual or (media.media_type == "image/png" and profile is not None)
    parts = (
        (TRANSPARENCY, None if alpha is None else f"A8 {media.width} {media.height}\n".encode() + alpha.tobytes()),
        (PROFILE, profile),
        (COLOURS, colours.text if colours.codes and counts else None),
    )
    covered = tuple((name, hashlib.sha256(data).digest()) for name, data in parts if data is not None)
    recoloured = colours.recolours or (profile is not None and shows_other_colours(profile))
    by = tuple(part for part in covered if part[0] != TRANSPARENCY) if recoloured else ()
    return Appearance(covered, (*_find_uncovered(media, header), *unread), by)


def digest_appearance(pixels_sha256: bytes, appearance: Appearance) -> bytes | None:
    """The appearance digest; None for a file with a part that it cannot cover.

    The SHA-256 of these lines, each with a line feed: "countermark-pixels-2", the digest of version 1 in hexadecimal,
    and for each part its name and the SHA-256 of what it is in hexadecimal.
    """
    if appearance.uncovered:
        return None
    lines = [_FIRST_LINE, pixels_sha256.hex(), *(f"{name} {digest.hex()}" for name, digest in appearance.covered)]
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).digest()


def _profile(picture: ImageFile) -> bytes | None:
    """The profile that changes what is shown: a stated one that does not say sRGB."""
    stated = picture.info.get("icc_profile")
    if isinstance(stated, bytes) and stated:
        return None if is_srgb(stated, grey=picture.mode in ("1", "L", "LA", "I;16")) else stated
    if picture.format == "PNG" and "srgb" not in picture.info:
        gamma, primaries = picture.info.get("gamma"), picture.info.get("chromaticity")
        if isinstance(gamma, float) and abs(round(gamma * 100_000) - 45_455) > _SAME_GAMMA:
            return f"gAMA {round(gamma * 100_000)} cHRM {primaries}".encode()
    return None


def is_srgb(profile: bytes, *, grey: bool = False) -> bool:
    """Whether an ICC profile (ICC.1:2022) says what is taken where none is stated: sRGB, or its curve for greys.

    A profile that does not parse says something else.
    """
    try:
        tags = _tags(profile)
        if any(name[:3] in (b"A2B", b"B2A", b"D2B", b"B2D") for name in tags) or not Colours((_code(tags),)).usual:
            return False
        if grey or profile[16:20] == b"GRAY":
            return profile[16:20] == b"GRAY" and _is_curve(tags[b"kTRC"])
        columns = all(
            max(abs(a - b) for a, b in zip(_xyz(tags[name]), column, strict=True)) <= _SAME_COLUMN
            for name, column in _SRGB_COLUMNS.items()
        )
        return profile[16:20] == b"RGB " and columns and all(_is_curve(tags[n]) for n in (b"rTRC", b"gTRC", b"bTRC"))
    except (KeyError, ValueError, struct.error, IndexError):
        return False


def shows_other_colours(profile: bytes) -> bool:
    """Whether an ICC profile of RGB or of greys shows plainly other colours than the numbers say, were they sRGB.

    The usual ones for pictures and displays (Display P3, Adobe RGB, ProPhoto RGB, that of a monitor) shift hues and
    tones by less. It is applied to a few colours alone, far from where converters begin to differ. One that cannot be
    applied is ignored by readers.
    """
    space = profile[16:20]
    if space not in (b"RGB ", b"GRAY"):
        return False
    with suppress(IndexError, struct.error, ValueError):
        if is_recolouring(*_code(_tags(profile))):
            return True
    try:
        stated = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGB" if space == b"RGB " else "L"
        transform = ImageCms.buildTransform(stated, ImageCms.createProfile("sRGB"), mode, "RGB")
        shown = [
            np.asarray(ImageCms.applyTransform(Image.fromarray(given).convert(mode), transform), np.float64)[0]
            for given in (_GREYS, _HUES)
        ]
    except (ImageCms.PyCMSError, OSError, ValueError):
        return False
    if np.abs(shown[0].mean(axis=1) - _GREYS[0].mean(axis=1)).max() > _OTHER_TONE:
        return True
    return mode == "RGB" and any(
        saturation < _FADED or abs((hue - place / len(_HUES[0]) + 0.5) % 1 - 0.5) > _OTHER_HUE
        for place, (hue, saturation, _) in enumerate(colorsys.rgb_to_hsv(*(colour / 255)) for colour in shown[1])
    )


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > _MAX_TAGS:
        raise ValueError("too many tags")
    entries = [struct.unpack_from(">4sII", profile, 132 + 12 * place) for place in range(count)]
    return {name: profile[start : start + size] for name, start, size in entries}


def _code(tags: dict[bytes, bytes]) -> Code:
    """The colour values that a profile states (ICC.1:2022, `cicpTag`), which browsers take before its curves."""
    stated = tags.get(b"cicp", _UNSPECIFIED)
    return stated[8], stated[9]


def _xyz(tag: bytes) -> tuple[float, float, float]:
    x, y, z = struct.unpack_from(">iii", tag, 8)
    return x / 65536, y / 65536, z / 65536


def _is_curve(tag: bytes) -> bool:
    """Whether a tone curve (`curv` or `para`) is nearly that of sRGB."""
    if tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        values = struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)
        g, a, b, c, d, e, f = (*(each / 65536 for each in values), *(0.0,) * 7)[:7]
        if kind == 0:
            curve = _INPUT**g
        elif kind in (3, 4):
            bent = np.maximum(a * _INPUT + b, 0) ** g + (e if kind == 4 else 0)
            curve = np.where(d <= _INPUT, bent, c * _INPUT + (f if kind == 4 else 0))
        else:
            return False
    elif tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count < 2:
            curve = _INPUT ** (struct.unpack_from(">H", tag, 12)[0] / 256 if count else 1.0)
        else:
            table = np.frombuffer(tag, ">u2", count, 12) / 65535
            curve = np.interp(_INPUT, np.linspace(0, 1, count), table)
    else:
        return False
    return bool(np.abs(curve - _SRGB).max() <= _SAME_CURVE)


def _find_uncovered(media: Media, picture: ImageFile) -> Iterator[str]:
    if media.frames > 1:
        yield FRAMES
    if "mp" in picture.info:  # Pillow's name for the index of a JPEG's pictures
        yield PICTURES
    if _has_gain_map(media, picture):
        yield GAIN_MAP


def _has_gain_map(media: Media, picture: ImageFile) -> bool:
    """Whether it says so: in XMP, anywhere in a JPEG (its further pictures are behind it), or by its boxes."""
    xmp = picture.info.get("xmp", b"")
    stated = media.data if media.media_type == "image/jpeg" else xmp if isinstance(xmp, bytes) else b""
    if any(mark in stated for mark in GAIN_MAPS):
        return True
    with suppress(UndecodableMedia):
        if b"tmap" in brands(media.data):
            return True
        if media.media_type in ("image/avif", "image/heic"):
            meta = bytes(dict(boxes(memoryview(media.data))).get(b"meta", b""))
            return b"tmap" in meta or b"hdrgainmap" in meta
    return False
