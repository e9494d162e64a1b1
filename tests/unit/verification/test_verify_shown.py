"""Equal or like pixels that are shown otherwise: by a colour profile, by colour values, by a gain map."""

import pytest
from PIL import ImageCms

from provenance.verification.axes import Registration
from provenance.verification.evidence import MatchBasis
from provenance.verification.verdict import HeadlineCode
from tests import gain_maps
from tests.shown_otherwise import PQ, with_chunk, with_cicp, with_nclx
from tests.shown_otherwise import SRGB as SRGB_VALUES
from tests.unit.verification import pictures
from tests.unit.verification.pictures import COFFEE, ROCKET, photo
from tests.unit.verification.simulator import open_registry


def in_another_profile(name: str) -> bytes:
    """The same samples, by a profile that browsers show red for blue by."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    return pictures.saved(pictures.opened(photo(name)), "PNG", icc_profile=swapped, compress_level=1)


def test_the_same_pixels_by_another_colour_profile_match_and_are_said_to_be_shown_otherwise() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(COFFEE))
    verdict = registry.verify(in_another_profile(COFFEE))
    assert verdict.headline is HeadlineCode.MATCH_WITH_DIFFERENCES
    assert [match.basis for match in verdict.matches] == [MatchBasis.PIXELS]
    assert "transparency, colour profile or colour values are not those of the record" in verdict.headline_text
    assert "SHA-256" not in verdict.findings[0].could_be_forged_by


def test_a_record_of_the_first_pixel_digest_is_still_found_and_what_that_did_not_cover_is_named() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(COFFEE), shown=None)
    copy = registry.verify(pictures.saved(pictures.opened(photo(COFFEE)), "TIFF"))
    assert copy.headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
    assert "Not covered" in copy.headline_text
    swapped = registry.verify(in_another_profile(COFFEE))
    assert "Not covered by the digest that both have: colour profile." in swapped.headline_text
    for verdict in (copy, swapped):
        assert [match.basis for match in verdict.matches] == [MatchBasis.PIXELS]
        assert verdict.findings[0].method == "countermark-pixels-1"
        assert "SHA-256" not in verdict.findings[0].could_be_forged_by


def in_other_colour_values(name: str, kind: str, values: tuple[int, int]) -> bytes:
    """The same samples, of which other colour values are stated: 1/13 is sRGB, 9/16 BT.2020 with PQ."""
    file = pictures.saved(pictures.opened(photo(name)), kind, **({"compress_level": 1} if kind == "PNG" else {}))
    return with_cicp(file, values) if kind == "PNG" else with_nclx(file, values)


@pytest.mark.parametrize("kind", ["PNG", "AVIF"])
def test_the_same_pixels_with_other_colour_values_are_said_to_be_shown_otherwise(kind: str) -> None:
    registry = open_registry("daily")
    registry.register("daily", in_other_colour_values(COFFEE, kind, SRGB_VALUES))
    verdict = registry.verify(in_other_colour_values(COFFEE, kind, PQ))
    assert verdict.headline is HeadlineCode.MATCH_WITH_DIFFERENCES
    assert [match.basis for match in verdict.matches] == [MatchBasis.PIXELS]
    assert "colour values are not those of the record" in verdict.headline_text
    assert "SHA-256" not in verdict.findings[0].could_be_forged_by
    assert verdict.findings[0].method == "countermark-pixels-3"


def test_a_record_with_other_colour_values_is_shown_otherwise_than_a_plain_copy_and_as_its_own_copies() -> None:
    registry = open_registry("daily")
    registry.register("daily", in_other_colour_values(COFFEE, "PNG", PQ))
    plain = registry.verify(in_other_colour_values(COFFEE, "PNG", SRGB_VALUES))
    assert plain.headline is HeadlineCode.MATCH_WITH_DIFFERENCES
    same = with_chunk(in_other_colour_values(COFFEE, "PNG", PQ), b"tEXt", b"Comment\0saved again")
    assert registry.verify(same).findings[0].could_be_forged_by == "Nobody without breaking SHA-256."


def test_of_a_record_from_before_colour_values_were_covered_they_are_named_as_not_covered() -> None:
    """Such a record of a PNG states the same digest whatever its file says of them."""
    registry = open_registry("daily")
    plain, bright = (in_other_colour_values(COFFEE, "PNG", each) for each in (SRGB_VALUES, PQ))
    registry.register("daily", plain, shown="countermark-pixels-2")
    assert registry.verify(plain).headline is HeadlineCode.EXACT_MATCH
    verdict = registry.verify(bright)
    assert verdict.headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
    assert "Not covered by the digest that both have: colour values." in verdict.headline_text
    again = registry.verify(with_chunk(plain, b"tEXt", b"Comment\0saved again"))
    assert again.headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
    assert "Not covered by the record's digest: colour values of the registered file." in again.headline_text
    for each in (verdict, again):
        assert "SHA-256" not in each.findings[0].could_be_forged_by


def test_a_copy_with_a_gain_map_is_not_said_to_be_shown_the_same() -> None:
    registry = open_registry("daily")
    registry.register("daily", gain_maps.primary())
    for make, beside in ((gain_maps.ultra_hdr, "a second picture, a gain map"), (gain_maps.iso_jpeg, "a gain map")):
        verdict = registry.verify(make())
        assert [match.basis for match in verdict.matches] == [MatchBasis.PIXELS]
        assert "Not covered by the digest that both have: " in verdict.headline_text
        assert f"{beside}." in verdict.headline_text
        assert "SHA-256" not in verdict.findings[0].could_be_forged_by


def test_a_record_of_a_jpeg_from_before_covers_all_there_is_and_a_copy_with_colour_values_differs() -> None:
    registry = open_registry("daily")
    jpeg = pictures.saved(pictures.opened(photo(COFFEE)))
    registry.register("daily", jpeg, shown="countermark-pixels-2")
    lossless = pictures.saved(pictures.opened(jpeg), "PNG", compress_level=1)
    assert registry.verify(lossless).findings[0].could_be_forged_by == "Nobody without breaking SHA-256."
    assert registry.verify(with_cicp(lossless, PQ)).headline is HeadlineCode.MATCH_WITH_DIFFERENCES


def recoloured(name: str, profile: bytes, quality: int = 80) -> bytes:
    """A copy of other bytes and pixels, which a profile shows in its colours."""
    return pictures.saved(pictures.opened(photo(name)), quality=quality, icc_profile=profile)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = SRGB.replace(b"rXYZ", b"tmpX").replace(b"bXYZ", b"rXYZ").replace(b"tmpX", b"bXYZ")
"""Browsers show red as blue by it, and blue as red."""


def test_a_recompressed_copy_whose_profile_swaps_red_and_blue_differs() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(ROCKET))
    verdict = registry.verify(recoloured(ROCKET, SWAPPED))
    assert verdict.headline is HeadlineCode.MATCH_WITH_DIFFERENCES
    assert "shown otherwise, by a colour profile or colour values that are not the record's" in verdict.headline_text
    for usual in (SRGB, b"no profile at all"):
        assert registry.verify(recoloured(ROCKET, usual)).headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND


def test_a_copy_with_the_profile_of_the_record_does_not_differ() -> None:
    registry = open_registry("daily")
    registry.register("daily", recoloured(ROCKET, SWAPPED, 95))
    assert registry.verify(recoloured(ROCKET, SWAPPED, 70)).headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND


def test_where_a_record_does_not_tell_of_its_profile_the_finding_names_that() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(ROCKET), shown=None)
    verdict = registry.verify(recoloured(ROCKET, SWAPPED))
    assert verdict.headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
    (finding,) = [each for each in verdict.findings if each.code == Registration.MATCH_NO_DIFFERENCE_FOUND]
    assert "show other colours than its pixels say" in finding.does_not_show
    (plain,) = [each for each in registry.verify(recoloured(ROCKET, SRGB)).findings if each.code == finding.code]
    assert "colour profile" not in plain.does_not_show


def test_a_recompressed_copy_whose_colour_values_show_other_colours_differs() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(ROCKET))
    verdict = registry.verify(in_other_colour_values(ROCKET, "AVIF", PQ))
    assert [match.basis for match in verdict.matches] == [MatchBasis.COMPARISON]
    assert verdict.headline is HeadlineCode.MATCH_WITH_DIFFERENCES
    assert "by a colour profile or colour values that are not the record's" in verdict.headline_text
    for usual in (SRGB_VALUES, (12, 13)):
        copy = registry.verify(in_other_colour_values(ROCKET, "AVIF", usual))
        assert copy.headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND


def test_a_recompressed_copy_with_the_colour_values_of_the_record_does_not_differ() -> None:
    bright = in_other_colour_values(ROCKET, "PNG", PQ)
    for covered, known in (("countermark-pixels-3", True), ("countermark-pixels-2", False)):
        registry = open_registry("daily")
        registry.register("daily", bright, shown=covered)
        verdict = registry.verify(in_other_colour_values(ROCKET, "AVIF", PQ))
        assert verdict.headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
        (finding,) = [each for each in verdict.findings if each.code == Registration.MATCH_NO_DIFFERENCE_FOUND]
        assert ("whether the record's do is not known" in finding.does_not_show) is not known
