"""What a file says of itself becomes claims in the bounds of a record, and what was cut or left out is told."""

import struct
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from PIL import Image

from provenance.limits import MAX_LINE_CHARACTERS, MAX_TEXT_CHARACTERS
from provenance.media import Media
from provenance.media.marks.file_claims import FileClaims, read_file_claims
from tests.planted import plant, xmp_packet

Encode = Callable[..., bytes]
DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
PHOTOSHOP = 'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
UTF_8, LATIN_2, CYRILLIC = b"\x1b%G", b"\x1b-B", b"\x1b.L"


def of_xmp(encode: Encode, attributes: str = "", elements: str = "", **options: object) -> FileClaims:
    packet = xmp_packet(f"{DC} {PHOTOSHOP} {attributes}", elements)
    return read_file_claims(Media.from_bytes(encode(Image.new("RGB", (8, 8)), "JPEG", xmp=packet, **options)))


def of_iptc(encode: Encode, *fields: tuple[int, bytes], named: bytes | None = None) -> FileClaims:
    """`fields` of the application record, and the coded character set, if it is named."""
    sets = [*([(1, 90, named)] if named is not None else []), *((2, number, value) for number, value in fields)]
    body = b"".join(struct.pack(">BBBH", 0x1C, record, number, len(value)) + value for record, number, value in sets)
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(body)) + body + b"\0" * (len(body) % 2)
    block = b"Photoshop 3.0\0" + resource
    data = encode(Image.new("RGB", (8, 8)), "JPEG")
    return read_file_claims(
        Media.from_bytes(data[:2] + b"\xff\xed" + struct.pack(">H", len(block) + 2) + block + data[2:])
    )


def of_exif(encode: Encode, taken: str, offset: str | None = None, xmp: bytes | None = None) -> FileClaims:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = taken
    if offset is not None:
        exif.get_ifd(0x8769)[0x9011] = offset
    options = {} if xmp is None else {"xmp": xmp}
    return read_file_claims(Media.from_bytes(encode(Image.new("RGB", (8, 8)), "JPEG", exif=exif.tobytes(), **options)))


def test_a_plain_file_says_nothing(encode: Encode) -> None:
    assert read_file_claims(Media.from_bytes(encode(Image.new("RGB", (8, 8)), "PNG"))) == FileClaims()


def test_the_default_language_is_taken_wherever_it_stands(encode: Encode) -> None:
    title = (
        '<dc:title><rdf:Alt><rdf:li xml:lang="de">Flut</rdf:li>'
        '<rdf:li xml:lang="x-default">Flood</rdf:li></rdf:Alt></dc:title>'
    )
    makers = "<dc:creator><rdf:Seq><rdf:li>B. Two</rdf:li><rdf:li>A. One</rdf:li></rdf:Seq></dc:creator>"
    found = of_xmp(encode, 'photoshop:Credit="Wire"', title + makers)
    assert found == FileClaims(title="Flood", byline="B. Two; A. One", credit="Wire")


@pytest.mark.parametrize(
    ("named", "octets", "text", "notes"),
    [
        (UTF_8, "Füchse — früh".encode(), "Füchse — früh", 0),
        (LATIN_2, "Łódź".encode("iso8859-2"), "Łódź", 0),
        (CYRILLIC, "Москва".encode("iso8859-5"), "Москва", 0),
        (None, "Füchse".encode(), "Füchse", 0),
        (None, "Füchse — früh".encode("cp1252"), "Füchse — früh", 1),
        (b"\x1bnonsense", "Füchse".encode("cp1252"), "Füchse", 1),
    ],
)
def test_iptc_is_read_in_the_character_set_that_it_names_and_a_guess_is_told(
    encode: Encode, named: bytes | None, octets: bytes, text: str, notes: int
) -> None:
    found = of_iptc(encode, (120, octets), named=named)
    assert found.caption == text
    assert [note for note in found.notes if "Windows-1252" in note] == list(found.notes)
    assert len(found.notes) == notes


def test_a_time_with_a_zone_is_taken_in_utc(encode: Encode) -> None:
    taken = datetime(2026, 5, 4, 7, 30, tzinfo=UTC)
    assert of_exif(encode, "2026:05:04 09:30:00", "+02:00").captured_at == taken
    assert of_iptc(encode, (55, b"20260504"), (60, b"093000+0200")).captured_at == taken
    assert of_xmp(encode, 'photoshop:DateCreated="2026-05-04T09:30:00.75+02:00"').captured_at == taken


def test_a_time_without_a_zone_is_left_out_and_told(encode: Encode) -> None:
    found = of_exif(encode, "2026:05:04 09:30:00")
    assert found.captured_at is None
    assert found.notes == ("date taken left out: 2026-05-04 09:30:00 has no time zone",)


@pytest.mark.parametrize(("stated", "hour"), [("2026-05-04T09:30:00+02:00", 7), ("2026-05-04T12:00:00+02:00", None)])
def test_another_field_gives_the_zone_if_it_names_the_same_time(encode: Encode, stated: str, hour: int | None) -> None:
    packet = xmp_packet(f'{PHOTOSHOP} photoshop:DateCreated="{stated}"')
    found = of_exif(encode, "2026:05:04 09:30:00", xmp=packet)
    assert (None if found.captured_at is None else found.captured_at.hour) == hour


@pytest.mark.parametrize("stated", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_utc_cannot_express_is_left_out_and_told(encode: Encode, stated: str) -> None:
    found = of_xmp(encode, f'photoshop:DateCreated="{stated}"')
    assert found == FileClaims(notes=("date taken left out: UTC cannot express it",))


def test_what_is_longer_than_a_record_holds_is_cut_and_told(encode: Encode) -> None:
    long = "word " * 4_000
    found = of_xmp(encode, f'photoshop:Credit="{long}"', f"<dc:description>{long}</dc:description>")
    assert found.credit == long[:MAX_LINE_CHARACTERS].rstrip()
    assert found.caption == long[:MAX_TEXT_CHARACTERS].rstrip()
    assert found.notes == (
        f"caption cut to {MAX_TEXT_CHARACTERS:,} characters",
        f"credit cut to {MAX_LINE_CHARACTERS:,} characters",
    )


def test_what_cannot_be_shown_is_left_out_and_told(encode: Encode) -> None:
    found = of_iptc(encode, (5, "Fl\x07ood\u202e\u200b".encode()), (110, "\u200b\u2060 \u00ad".encode()))
    assert (found.title, found.credit) == ("Flood", None)
    assert found.notes == (
        "title: characters that cannot be shown were left out",
        "credit left out: nothing of it is visible",
    )


def test_a_caption_keeps_its_lines_and_a_title_is_one(encode: Encode) -> None:
    found = of_iptc(encode, (120, b"First.\r\n\r\nSecond."), (5, b"One\nline"))
    assert (found.caption, found.title) == ("First.\nSecond.", "One line")


def test_owners_places_and_serial_numbers_are_never_among_them() -> None:
    said = read_file_claims(Media.from_bytes(plant(Image.new("RGB", (64, 48)), "JPEG"))).stated()
    assert said == {"byline": "PLANTED-CREATOR", "rights": "PLANTED-HOLDER"}
