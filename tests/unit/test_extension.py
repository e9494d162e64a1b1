"""The extension's own sentences: the same in each language, all of them said, and none said that is missing."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "clients/extension"
LANGUAGES = sorted(path.name for path in (ROOT / "_locales").iterdir())
SCRIPTS = {
    path: path.read_text()
    for path in sorted(ROOT.rglob("*"))
    if path.suffix in (".js", ".html", ".json")
    and not {"countermark", "_locales"} & set(path.relative_to(ROOT).parts)
    and path.name != "tsconfig.json"
}
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def messages(language: str) -> dict[str, str]:
    stated = json.loads((ROOT / "_locales" / language / "messages.json").read_text())
    assert all(set(each) <= {"message", "description"} for each in stated.values())
    return {key: each["message"] for key, each in stated.items()}


ENGLISH = messages("en")


def test_there_are_english_and_german() -> None:
    assert LANGUAGES == ["de", "en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_every_message_with_the_same_placeholders(language: str) -> None:
    said = messages(language)
    assert list(said) == list(ENGLISH), "the same keys, in the same order"
    assert all(text.strip() for text in said.values())
    assert {key: sorted(PLACEHOLDER.findall(text)) for key, text in said.items()} == {
        key: sorted(PLACEHOLDER.findall(text)) for key, text in ENGLISH.items()
    }


def test_what_is_said_in_another_language_is_not_left_in_english() -> None:
    same = {key for key, text in messages("de").items() if text == ENGLISH[key]}
    assert same == {"extension_name", "options_log"}


def test_every_message_is_said_somewhere_and_every_fault_has_one() -> None:
    code = "\n".join(SCRIPTS.values())
    named = set(re.findall(r'"((?:refused|unanswered|storage)_\w+)"', code))
    assert named
    assert named <= set(ENGLISH)
    built = tuple(re.findall(r"`(\w+_)\$\{", code))  # as `picture_${reason}`
    said = {key for key in ENGLISH if re.search(rf"(?<![a-z]){key}(?![a-z])", code) or key.startswith(built)}
    assert set(ENGLISH) - said == set()


def test_the_page_that_is_the_panels_own_loads_nothing_from_elsewhere() -> None:
    policy = json.loads((ROOT / "manifest.json").read_text())["content_security_policy"]["extension_pages"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    for path, text in SCRIPTS.items():
        if path.suffix == ".html":
            assert not re.search(r"""(src|href)=["']?(https?:)?//|\son\w+=|style=""", text), path
        assert "innerHTML" not in text, path
