"""Two files of somebody's own, compared with each other."""

import base64
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import func, select
from starlette.testclient import TestClient

from provenance.answers import FileComparison
from registry.database.tables import VerificationRow
from tests.unit.api.service.agreed import agreed
from tests.unit.api.service.conftest import Running
from tests.unit.api.service.test_verifications import _altered

Picture = Callable[..., bytes]
STREAM = Path(__file__).parents[4] / "demo" / "photos" / "stream.jpg"


def compared(client: TestClient, file: bytes, reference: bytes, **options: str) -> FileComparison:
    answer = client.post("/v1/comparisons", files={"file": file, "reference": reference}, params=options)
    assert answer.status_code == 200, answer.text
    return agreed(FileComparison, answer)


def reencoded(data: bytes, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("detail", [{}, {"detail": "full"}])
def test_what_differs_between_two_files_is_found_drawn_and_worded_though_neither_is_registered(
    client: TestClient, detail: dict[str, str]
) -> None:
    whole = reencoded(STREAM.read_bytes(), "JPEG", quality=90)
    found = compared(client, _altered(whole, (300, 200, 420, 300)), whole, **detail)
    assert found.headline.code == "MATCH_WITH_DIFFERENCES"
    assert found.comparison is not None
    assert found.comparison.reference == ("full detail" if detail else found.comparison.reference)
    (region,) = [each for each in found.comparison.regions if each.kind == "differs"]
    width, height = found.file.width, found.file.height
    assert width is not None
    assert height is not None
    assert region.query.left * width < 360 < region.query.right * width
    assert region.query.top * height < 250 < region.query.bottom * height
    assert found.difference is not None
    overlay = Image.open(io.BytesIO(base64.b64decode(found.difference.removeprefix("data:image/png;base64,"))))
    assert overlay.width / overlay.height == pytest.approx(width / height, rel=0.02)
    assert found.error_rates
    english, german = found.headline.wordings
    assert english.lead.startswith("One area differs: box 1, ")
    assert "comparison only" in english.remarks[0]
    assert "nur ein Vergleich" in german.remarks[0]


def test_the_same_bytes_and_the_same_pixels_are_told_apart(client: TestClient, jpeg: Picture) -> None:
    picture = jpeg(901)
    assert compared(client, picture, picture).basis == "bytes"
    lossless = reencoded(picture, "PNG")
    found = compared(client, lossless, reencoded(picture, "WEBP", lossless=True))
    assert (found.basis, found.headline.code) == ("pixels", "MATCH_NO_DIFFERENCE_FOUND")
    assert found.file.media_type == "image/png"
    assert found.reference.media_type == "image/webp"


def test_two_pictures_that_have_nothing_in_common_get_no_comparison(client: TestClient, jpeg: Picture) -> None:
    found = compared(client, jpeg(902), jpeg(903))
    assert (found.headline.code, found.comparison, found.error_rates) == ("NO_MATCH_FOUND", None, ())
    assert found.headline.text.startswith("No match was found between the two pictures.")


@pytest.mark.parametrize(
    ("files", "status", "slug"),
    [
        (["file"], 422, "invalid-request"),
        (["reference"], 422, "invalid-request"),
        (["file", "reference", "sidecar"], 422, "invalid-request"),
    ],
)
def test_a_comparison_is_of_two_files(
    client: TestClient, jpeg: Picture, files: list[str], status: int, slug: str
) -> None:
    answer = client.post("/v1/comparisons", files={name: jpeg(904) for name in files})
    assert answer.status_code == status
    assert answer.json()["type"].endswith(f":{slug}")


@pytest.mark.parametrize("bad", ["file", "reference"])
def test_a_file_that_is_no_picture_is_refused_on_either_side(client: TestClient, jpeg: Picture, bad: str) -> None:
    files = {name: b"no picture" if name == bad else jpeg(905) for name in ("file", "reference")}
    answer = client.post("/v1/comparisons", files=files)
    assert answer.status_code == 415
    assert answer.json()["type"].endswith(":unsupported-media")


def test_a_comparison_counts_as_two_verifications_and_nothing_of_it_is_kept(running: Running, jpeg: Picture) -> None:
    def left() -> int:
        answer = running.client.post("/v1/comparisons", files={"file": jpeg(906), "reference": jpeg(907)})
        (mine,) = [each for each in answer.headers["RateLimit"].split(", ") if each.startswith('"verifications";')]
        return int(mine.split(";r=")[1].split(";")[0])

    def kept() -> int | None:
        with running.registry.store.read() as session:
            return session.scalar(select(func.count()).select_from(VerificationRow))

    before = kept()
    first = left()
    assert left() <= first - 2
    assert kept() == before
