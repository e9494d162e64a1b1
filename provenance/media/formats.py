"""The accepted picture formats, recognised by their first bytes and measured before anything is decoded.

File names and Content-Type headers play no part. A few bytes can state a picture of gigabytes (a WebP of 34 bytes took
745 MB), so the size is read from the header and held against `limits` first. Pillow's and pillow-heif's decoders are
used as classes: `Image.open` would consult global registrations and its own, global pixel limit.
"""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice

from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

from provenance import limits
from provenance.errors import MediaError, MediaTooCostly, MediaTooLarge, UndecodableMedia, UnsupportedMedia
from provenance.media.pieces import TEXTS, Pieces, gif_table, in_pieces, tiff_directories

_DECODERS: dict[str, type[ImageFile]] = {
    "image/jpeg": JpegImageFile,
    "image/png": PngImageFile,
    "image/gif": GifImageFile,
    "image/webp": WebPImageFile,
    "image/tiff": TiffImageFile,
    "image/avif": AvifImageFile,
    "image/heic": HeifImageFile,
}

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_MAX_BRANDS = 32

_NEW_SUBFILE_TYPE, _PHOTOMETRIC, _DNG_VERSION = 254, 262, 50706
_REDUCED = 1  # NewSubfileType: a version of another picture in the file, at a reduced size
_SENSOR_SAMPLES = frozenset((32803, 34892))  # a colour filter array, and linear raw

_PLACES = frozenset((273, 324))  # of strips, of tiles

_WIDE_SAMPLES = frozenset(("I", "F"))  # 32-bit samples have no agreed white point


def sniff(data: bytes) -> str:
    """Return the media type of `data`, one of the allow-list.

    Raises:
        UnsupportedMedia: no signature of the allow-list; or a TIFF whose first page only stands for another picture.
    """
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            if media_type == "image/tiff":
                _refuse_previews(data)
            return media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    stated = brands(data)
    if stated & _AVIF_BRANDS:
        return "image/avif"
    if stated & _HEIC_BRANDS:
        return "image/heic"
    raise UnsupportedMedia("not a JPEG, PNG, WebP, GIF, TIFF, AVIF or HEIC picture")


def open_header(data: bytes, media_type: str) -> ImageFile:
    """Return Pillow's image of the picture: its header is read and its size allowed, nothing is decoded.

    Raises:
        MediaTooLarge: a side over `limits.MAX_SIDE_PIXELS`, or more pixels than the format's share of
            `limits.MAX_DECODE_BYTES`.
        UnsupportedMedia: 32-bit integer or floating-point samples.
        UndecodableMedia: the header cannot be read.
    """
    with decoding(media_type):
        if media_type == "image/webp":
            _check_size(_webp_canvas(data), media_type)  # the decoder allocates the canvas when it is created
        elif media_type == "image/tiff":
            _check_numbers(data)
        picture = _DECODERS[media_type](Pieces(data))
        _check_size(picture.size, media_type, progressive="progressive" in picture.info)
    if picture.mode in _WIDE_SAMPLES:
        raise UnsupportedMedia("pictures with 32-bit samples are not supported")
    return picture


def count_frames(picture: ImageFile, data: bytes, media_type: str) -> int:
    """Return the number of frames or pages, at most `limits.MAX_COUNTED_FRAMES`.

    A JPEG counts as one: what its multi-picture extension adds (gain maps, previews) is not shown by viewers.
    """
    with decoding(media_type):
        match media_type:
            case "image/jpeg":
                frames = 1
            case "image/gif":
                frames = sum(1 for _ in _gif_frames(data))
            case "image/tiff":
                frames = sum(1 for _ in islice(tiff_directories(data), limits.MAX_COUNTED_FRAMES))
            case _:
                frames = int(getattr(picture, "n_frames", 1))
    return max(1, min(frames, limits.MAX_COUNTED_FRAMES))


@contextmanager
def decoding(media_type: str) -> Iterator[None]:
    """Turn whatever a decoder raises into our exceptions, and keep its warnings to itself.

    `warnings.catch_warnings` acts on the whole process: two threads that decode at once may leave the warnings of
    Pillow switched off, and nothing else.

    Raises:
        MediaTooCostly: memory ran out.
        UndecodableMedia: any other failure.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.|pillow_heif")
        try:
            yield
        except MediaError:
            raise
        except MemoryError as error:
            raise MediaTooCostly(f"not enough memory to decode this {media_type}") from error
        except Exception as error:  # decoders raise at least a dozen types, SystemError among them
            reason = str(error)[:200] or type(error).__name__
            raise UndecodableMedia(f"this {media_type} cannot be decoded: {reason}") from error


def _check_size(size: tuple[int, int], media_type: str, *, progressive: bool = False) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise UndecodableMedia(f"this {media_type} states a size of {width} × {height} pixels")
    cost = limits.PROGRESSIVE_JPEG_BYTES_PER_PIXEL if progressive else limits.DECODE_BYTES_PER_PIXEL[media_type]
    allowed = limits.MAX_DECODE_BYTES // cost
    if width * height > allowed:
        raise MediaTooLarge(f"{width} × {height} pixels; at most {allowed:,} pixels of such a {media_type} are decoded")
    if max(width, height) > limits.MAX_SIDE_PIXELS:
        raise MediaTooLarge(f"{width} × {height} pixels; a side may have {limits.MAX_SIDE_PIXELS:,}")


def brands(data: bytes) -> frozenset[bytes]:
    """Return the brands of an ISO base media file (ISO/IEC 14496-12, 4.3), none for other files."""
    if data[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(data[:4]), len(data), 16 + 4 * _MAX_BRANDS)
    return frozenset([data[8:12], *(data[start : start + 4] for start in range(16, end, 4))])


def _webp_canvas(data: bytes) -> tuple[int, int]:
    """Return the width and height that a WebP file states (RFC 9649, sections 2.5 to 2.7)."""
    match data[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
        case _:
            raise UndecodableMedia("this image/webp does not begin with a picture")


def _gif_frames(data: bytes) -> Iterator[int]:
    """Yield the offset of each image descriptor (GIF89a, section 20); stops at damage."""
    at = 13 + gif_table(data[10])
    for _ in range(limits.MAX_COUNTED_FRAMES):
        while data[at : at + 1] == b"!":
            at = _gif_blocks_end(data, at + 2)
        if data[at : at + 1] != b"," or at + 10 > len(data):
            return
        yield at
        at = _gif_blocks_end(data, at + 11 + gif_table(data[at + 9]))


def _gif_blocks_end(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


def _refuse_previews(data: bytes) -> None:
    """Refuse what has the form of a TIFF and a mere preview for its first page: DNG and the raw files of cameras.

    Their picture is made of the sensor's samples by whoever develops them, each in another way. TIFF 6.0, section 8
    (NewSubfileType); DNG 1.7, "DNGVersion" and "PhotometricInterpretation".
    """
    tags = _first_directory(data)
    raw = _DNG_VERSION in tags or tags.get(_PHOTOMETRIC) in _SENSOR_SAMPLES or data[8:10] == b"CR"
    if raw or tags.get(_NEW_SUBFILE_TYPE, 0) & _REDUCED:
        raise UnsupportedMedia(
            "a raw photograph (DNG or a camera's own form), or a TIFF that begins with a preview: its first "
            "image is not the picture itself. Export it as a JPEG or TIFF"
        )


def _check_numbers(data: bytes) -> None:
    """Refuse numbers that a decoder would make a list of before it has looked at the picture."""
    for tag, kind, count, _ in _first_entries(data):
        most = limits.MAX_STRIPS if tag in _PLACES else limits.MAX_READS
        if count > most and kind not in TEXTS:
            raise in_pieces(most)


def _first_directory(data: bytes) -> dict[int, int]:
    """Return the tags of the first image file directory with their first value, where that stands in the entry."""
    order = "<" if data[:2] == b"II" else ">"
    return {
        tag: struct.unpack_from(order + {3: "H", 4: "I"}.get(kind, "B"), data, at)[0]
        for tag, kind, _, at in _first_entries(data)
    }


def _first_entries(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, type and count of each entry of the first directory, and where its value or offset is; ends at damage.

    TIFF 6.0, section 2.
    """
    order = "<" if data[:2] == b"II" else ">"
    with suppress(struct.error):
        (start,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, start)
        for at in range(start + 2, min(start + 2 + 12 * entries, len(data) - 11), 12):
            yield (*struct.unpack_from(order + "HHI", data, at), at + 8)
