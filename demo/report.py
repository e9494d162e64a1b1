"""The demonstration's report: one HTML file with the pictures, their differences and the verdicts, in its reader's
language.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countermark.cli.views import language
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from provenance.media.comparison import Box
from provenance.sentences import CATALOGUES, ENGLISH
from provenance.verification.wording import percent, place

if TYPE_CHECKING:
    from demo.__main__ import Outcome

SHOWN_SIDE = 640
"""Pixels of the longest side of a picture in the report, so that the file stays under 2 MB."""

WORDS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("words.json").read_text())


def own_words() -> dict[str, Any]:
    """The demonstration's own words in the language of the terminal; in English where it has none."""
    return WORDS.get(language(), WORDS[ENGLISH])


def write_report(path: Path, outcomes: list[Outcome], registered: int) -> None:
    """Writes the report to `path`, as a self-contained file in the language of the terminal."""
    sentences = CATALOGUES.get(language(), CATALOGUES[ENGLISH])
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    cases = [
        {
            "outcome": outcome,
            "told": outcome.report.headline.wording(sentences.language),
            "picture": _shown(outcome.picture),
            "reference": _data_uri(outcome.shown.thumbnail, "image/webp") if outcome.shown else None,
            "difference": _data_uri(outcome.difference, "image/png") if outcome.difference else None,
        }
        for outcome in outcomes
    ]
    html = environment.get_template("report.html.j2").render(
        cases=cases,
        registered=registered,
        words=own_words(),
        sentences=sentences,
        where=lambda box: sentences.places[place(Box(**vars(box)))],
        share=lambda area: percent(sentences, area),
    )
    path.write_text(html, encoding="utf-8")


def _shown(data: bytes) -> str:
    target = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        small = picture.convert("RGB")
    small.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.LANCZOS)
    small.save(target, "WEBP", quality=80)
    return _data_uri(target.getvalue(), "image/webp")


def _data_uri(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
