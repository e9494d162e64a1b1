"""The documentation names what there is: files, decisions, settings; and its pages load nothing from other hosts."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer
from countermark.cli import app as client
from typer.core import TyperGroup

from api.__main__ import app as service
from api.settings import Settings
from api.witness import WitnessSettings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:md|yaml|toml))`")


def named(page: Path) -> list[str]:
    """Everything in backticks that is a path: it has a slash, and no space, host or placeholder in it."""
    return PATH.findall(page.read_text())


@pytest.mark.parametrize("page", ["docs/explanation/architecture.md", "CONTRIBUTING.md"])
def test_every_file_and_folder_that_a_page_for_contributors_names_exists(page: str) -> None:
    paths = named(ROOT / page)
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_page_on_the_architecture_leads_through_each_journey() -> None:
    text = (DOCS / "explanation" / "architecture.md").read_text()
    journeys = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert journeys == ["A picture is registered", "A picture is verified", "A receipt is checked", "Where to change"]
    assert [len(part.splitlines()) < 40 for part in text.split("\n## ")[1:]] == [True] * 4  # a screen each


def test_a_page_that_names_a_missing_file_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("`provenance/nowhere.py` and `api/`, `POST /v1/assets`, `KEY@SIZE`, `openapi.yaml`")
    assert named(page) == ["provenance/nowhere.py", "api/", "openapi.yaml"]


def test_the_index_of_decisions_has_each_page_and_says_which_numbers_were_not_used() -> None:
    index = (DOCS / "adr" / "README.md").read_text()
    pages = {int(path.name[:4]): path for path in sorted((DOCS / "adr").glob("0*.md"))}
    listed = re.findall(r"^\| \[(\d+)\]\((\d{4}-[\w-]+\.md)\)", index, re.MULTILINE)
    assert listed == [(str(number), path.name) for number, path in pages.items()]
    unused = re.search(r"\*\*(.+?) were not used\*\*", index)
    assert unused is not None
    assert {int(number) for number in re.findall(r"\d+", unused[1])} == set(range(1, max(pages))) - pages.keys()


def test_each_decision_says_when_it_was_made_and_how_it_stands() -> None:
    for path in sorted((DOCS / "adr").glob("0*.md")):
        title, _, status, *_ = path.read_text().splitlines()
        assert title.startswith(f"# {int(path.name[:4])}. "), path.name
        assert re.match(r"Date: \d{4}-\d\d-\d\d · Status: ", status), path.name


@pytest.mark.parametrize(
    ("model", "page"), [(Settings, "operating.md"), (WitnessSettings, "how-to/witness.md")], ids=["service", "witness"]
)
def test_every_setting_is_documented(model: type[Settings] | type[WitnessSettings], page: str) -> None:
    prefix = model.model_config["env_prefix"]
    text = (DOCS / page).read_text()
    told = set(re.findall(rf"`({prefix}\w+)`", text))
    for short in re.findall(rf"`{prefix}\w+`, `(_\w+)`", text):
        told.add(prefix.rstrip("_") + short)
    assert {prefix + name.upper() for name in model.model_fields} - told == set()


def test_the_readme_has_a_row_for_each_kind_of_reader_right_after_its_picture() -> None:
    _, _, after = (ROOT / "README.md").read_text().partition("docs/images/verify.png)\n\n")
    head, _, *rows = after.partition("\n\n")[0].splitlines()
    assert head == "| you | do | get | read on |"
    assert [re.sub(r"\|.*", "", row.removeprefix("| ")).strip() for row in rows] == [
        "run a newsroom",
        "read the news",
        "audit an archive",
    ]
    links = [re.findall(r"\]\((docs/[^)]+)\)", row) for row in rows]
    assert all(found and all((ROOT / path).is_file() for path in found) for found in links)


# The built pages ----------------------------------------------------------------------------------


class Loads(HTMLParser):
    """The addresses that a browser fetches to show a page, those of links aside."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("img", "script", "iframe", "source", "video", "audio", "embed", "object"):
            self.addresses += [given[name] for name in ("src", "srcset", "data") if name in given]
        if tag == "link" and given.get("rel") not in ("canonical", "next", "prev", "alternate"):
            self.addresses.append(given.get("href", ""))


def loads(site: Path) -> Iterator[tuple[str, str]]:
    for page in sorted(site.rglob("*.html")):
        reader = Loads()
        reader.feed(page.read_text())
        yield from ((page.relative_to(site).as_posix(), address) for address in reader.addresses)
    for sheet in sorted(site.rglob("*.css")):
        found = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s]+)", sheet.read_text())
        yield from ((sheet.name, address) for address in found)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("documentation")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(target)]
    built = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return target


def test_the_documentation_is_built_with_a_search_and_loads_nothing_from_elsewhere(site: Path) -> None:
    found = list(loads(site))
    assert len(found) > 100
    assert [each for each in found if re.match(r"(?:https?:)?//", each[1])] == []
    assert "verify_receipt" in (site / "search" / "search_index.json").read_text()


def test_the_reference_has_everything_that_the_client_exports(site: Path) -> None:
    import countermark

    text = " ".join(page.read_text() for page in (site / "reference" / "python").glob("*.html"))
    assert [name for name in countermark.__all__ if f'id="countermark.{name}"' not in text] == []


# The commands -------------------------------------------------------------------------------------

COMMANDS = {"python -m api": service, "countermark": client}
PROMPT = re.compile(r"^(?:    |\$ |export |[A-Z_]+=\S+ )*(?:\.venv/bin/)?(python -m api|countermark) (?=[a-z])(.*)$")


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of ours in a code block: which program, and its words up to a comment."""
    for line in re.sub(r" \\\n\s+", " ", text).splitlines():
        if line.startswith("    ") and (found := PROMPT.match(line)):
            yield found[1], shlex.split(re.split(r"\s+(?:#|>|<|\|) ?", found[2])[0])


def unknown(program: str, words: list[str]) -> list[str]:
    """The words of a command that its program does not know: subcommands and options."""
    command = typer.main.get_command(COMMANDS[program])
    rest = list(words)
    while isinstance(command, TyperGroup) and rest:
        below = command.get_command(typer.Context(command), rest[0])
        if below is None:
            return [rest[0]]
        command, rest = below, rest[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return [word for word in rest if word.startswith("-") and word != "-" and word.split("=")[0] not in known]


def test_every_command_that_the_documentation_shows_is_one_that_the_programs_know() -> None:
    pages = [ROOT / "README.md", ROOT / "clients/python/README.md", *DOCS.rglob("*.md")]
    shown = [(page.name, *each) for page in pages for each in commands(page.read_text())]
    assert len(shown) > 40
    assert [(*each, unknown(*each[1:])) for each in shown if unknown(*each[1:])] == []


def test_the_reference_of_the_commands_is_what_their_help_says() -> None:
    done = subprocess.run(
        [sys.executable, "tools/commands.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    page = (DOCS / "reference" / "commands.md").read_text()
    for told in ("### countermark audit\n", "#### countermark audit diff\n", "#### python -m api log rotate-key\n"):
        assert told in page
    assert "| `--send never\\|unsettled\\|all` |" in page


def test_a_command_that_is_not_there_would_be_noticed() -> None:
    first, second = commands("    python -m api log thaw\n    $ countermark verify a.jpg \\\n        --loudly   # so\n")
    assert (unknown(*first), unknown(*second)) == (["thaw"], ["--loudly"])
