"""Marks that picture generators leave: the settings they write into PNG text and EXIF, recognised by their form.

Each is a file's own word. A generator's name alone, in whatever field, is no mark: it has flagged a camera of 2003
whose maker field reads "Gemini11".
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image

from provenance.media.carriers import Carriers
from provenance.media.marks.mark import Mark

_MAKE, _MODEL, _EXIF_IFD, _MAKER_NOTE, _USER_COMMENT = 0x010F, 0x0110, 0x8769, 0x927C, 0x9286
_COMMENT_CODES = {b"ASCII\0\0\0": ("utf-8",), b"UNICODE\0": ("utf-16-be", "utf-16-le"), bytes(8): ("utf-8",)}

_A1111 = re.compile(r"(?<!\w)Steps: \d+, (?=.{0,2000}?(?:Sampler|Seed): )", re.DOTALL)
_DREAM = re.compile(
    r"(?<!\S)-s ?\d+(?=\s)(?=.{0,2000}?\s-S ?\d+)", re.DOTALL
)  # InvokeAI's command line: steps and seed
_SAMPLER = re.compile(r"(?<!re)(?<!up)(?<!down)(?<!super)sampler(?!.{0,2}select)", re.IGNORECASE)
_SEARCHED_CHARACTERS = 65_536  # settings follow the prompt, which has thousands of characters at most
_FOOOCUS_SCHEMES = frozenset(("fooocus", "a1111"))
_INVOKE_EDITS = frozenset(("img2img", "inpaint", "outpaint"))


def find_generator_marks(carriers: Carriers) -> Iterator[Mark]:
    """Yield the marks of AUTOMATIC1111 and Forge, ComfyUI, Fooocus, InvokeAI and NovelAI."""
    texts: dict[str, tuple[str, str]] = {}
    for each in carriers.texts:
        texts.setdefault(each.keyword, (each.text, f"PNG {each.chunk}"))
    comment = _user_comment(carriers.exif)
    yield from _a1111(texts, comment)
    yield from _comfyui(texts, carriers.exif)
    yield from _fooocus(texts, carriers.exif, comment)
    yield from _invokeai(texts)
    yield from _novelai(texts)


def parse_json(text: str) -> dict[str, Any]:
    """Return the JSON object in `text`, empty where there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


_Texts = Mapping[str, tuple[str, str]]


def _a1111(texts: _Texts, comment: str) -> Iterator[Mark]:
    for text, location in (texts.get("parameters", ("", "")), (comment, "EXIF UserComment")):
        if settings := _A1111.search(text, 0, _SEARCHED_CHARACTERS):
            yield Mark.of("a1111.parameters", text[settings.start() :], location, "ai_generated")


def _comfyui(texts: _Texts, exif: Image.Exif) -> Iterator[Mark]:
    prompt, location = texts.get("prompt", ("", ""))
    workflow, workflow_location = texts.get("workflow", ("", ""))
    for tag in (_MAKE, _MODEL):
        value = exif.get(tag)
        if isinstance(value, str):
            if value.startswith("prompt:{"):
                prompt, location = value[len("prompt:") :], "EXIF"
            elif value.startswith("workflow:{"):
                workflow, workflow_location = value[len("workflow:") :], "EXIF"
    nodes = [node.get("class_type") for node in parse_json(prompt).values() if isinstance(node, dict)]
    if not any(nodes):
        drawn = parse_json(workflow).get("nodes")
        nodes = [node.get("type") for node in drawn if isinstance(node, dict)] if isinstance(drawn, list) else []
        location = workflow_location
    samplers = sorted({node for node in nodes if isinstance(node, str) and _SAMPLER.search(node)})
    if samplers:  # without one, the workflow may have done no more than resize
        yield Mark.of("comfyui.workflow", ", ".join(samplers), location, "ai_generated")


def _fooocus(texts: _Texts, exif: Image.Exif, comment: str) -> Iterator[Mark]:
    scheme, location = texts.get("fooocus_scheme", ("", ""))
    if scheme in _FOOOCUS_SCHEMES and "parameters" in texts:
        yield Mark.of("fooocus.scheme", scheme, location, "ai_generated")
    note = exif.get(_MAKER_NOTE)
    if isinstance(note, str) and note in _FOOOCUS_SCHEMES and comment:
        yield Mark.of("fooocus.scheme", note, "EXIF MakerNote", "ai_generated")


def _invokeai(texts: _Texts) -> Iterator[Mark]:
    command, location = texts.get("Dream", ("", ""))
    if settings := _DREAM.search(command, 0, _SEARCHED_CHARACTERS):
        yield Mark.of("invokeai.dream", command[settings.start() :], location, "ai_generated")
    for keyword in ("sd-metadata", "invokeai_metadata"):
        text, location = texts.get(keyword, ("", ""))
        if metadata := parse_json(text):
            mode = str(metadata.get("generation_mode", ""))
            edited = mode.removeprefix("sdxl_").removeprefix("flux_") in _INVOKE_EDITS
            kind = "invokeai.metadata"
            yield Mark.of(kind, mode or keyword, location, "ai_edited" if edited else "ai_generated")


def _novelai(texts: _Texts) -> Iterator[Mark]:
    software, location = texts.get("Software", ("", ""))
    comment = parse_json(texts.get("Comment", ("", ""))[0])
    if software == "NovelAI" and comment:
        kept = {name: comment[name] for name in ("steps", "sampler", "seed") if name in comment}
        yield Mark.of("novelai.comment", json.dumps(kept), location, "ai_generated")


def _user_comment(exif: Image.Exif) -> str:
    """Return the EXIF UserComment as text (EXIF 2.32, section 4.6.5), with the byte order that reads as Latin text."""
    value = exif.get_ifd(_EXIF_IFD).get(_USER_COMMENT) or exif.get(_USER_COMMENT)
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return ""
    encodings = _COMMENT_CODES.get(value[:8], ())
    readings = [value[8:].decode(encoding, "replace") for encoding in encodings]
    return max(readings, key=lambda text: text.count(" "), default="")
