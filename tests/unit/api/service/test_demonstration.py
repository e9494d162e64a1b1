"""The demonstration's report follows the language of its reader, as pages and commands do."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from countermark.models import Asset, Report, read
from PIL import Image, ImageDraw
from starlette.testclient import TestClient

from demo.__main__ import Outcome, Shown, table_of
from demo.cases import CASES
from demo.report import WORDS, write_report
from provenance.sentences import CATALOGUES
from tests.unit.api.service.conftest import Picture
from tests.unit.api.service.test_pages import left_in_english


def test_the_words_of_the_demonstration_are_there_in_each_language() -> None:
    letters = {case.letter for case in CASES}
    assert WORDS.keys() == CATALOGUES.keys()
    for words in WORDS.values():
        assert words.keys() == WORDS["en"].keys()
        assert words["cases"].keys() == letters


@pytest.mark.parametrize(("language", "shown"), [("en", "en"), ("de", "de"), ("fr", "en"), ("", "en")])
def test_the_report_is_in_the_language_of_its_reader(
    client: TestClient,
    registered: dict[str, Any],
    jpeg: Picture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    shown: str,
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.setenv(name, language and f"{language}_XX.UTF-8")
    picture = Image.open(io.BytesIO(jpeg(1))).convert("RGB")
    ImageDraw.Draw(picture).rectangle((150, 100, 190, 140), fill=(128, 128, 128))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    report = read(Report, client.post("/v1/verifications", content=file.getvalue()).text)
    (match,) = report.matches[:1]
    assert match.comparison is not None
    asset = read(Asset, client.get(f"/v1/assets/{match.asset.id}").text)
    beside = Shown(asset, b"", match.comparison.regions, older=False)
    outcomes = [Outcome(case, file.getvalue(), report, beside, None, {}, 1.0) for case in CASES]
    write_report(tmp_path / "report.html", outcomes, 7)
    assert [column.header for column in table_of(outcomes).columns][2] == WORDS[shown]["verdict"]
    html = (tmp_path / "report.html").read_text()
    told = report.headline.wording(shown)
    assert told is not None
    assert f'<html lang="{shown}">' in html
    assert told.title in html
    assert WORDS[shown]["cases"]["d"] in html
    if shown == "de":
        named = (registered["publisher"]["name"], *(registered[name] or "" for name in ("title", "credit", "licence")))
        assert left_in_english(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL), *filter(None, named)) == []
