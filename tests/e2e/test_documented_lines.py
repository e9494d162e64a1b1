"""Each line of code in the README and the documentation runs as it is written, with the files that it names.

Shell lines run in one shell for each page, Python in one interpreter, in the order of the page, in a folder that has
the files: against a running service where they name https://registry.example, and as its operator where they begin with
`python -m api`. A line that does not run is in `NOT_RUN`, with the reason; a new line runs, or is put there.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from countermark import Client
from PIL import Image

from demo.service import Service, running_service
from provenance.statement.keys import Algorithm, LocalSigner
from tests.e2e.test_audit import public_pem
from tests.e2e.test_client import draw
from tests.patience import HUNG_SECONDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *("README.md", "CONTRIBUTING.md", "clients/python/README.md"),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md") if "adr" not in path.parts),
]
PASSPHRASE = "a passphrase for the documentation"
RECORD = "ab" * 32

NOT_RUN = {
    r"pip install ": "make dist installs the wheels, and a checkout, in empty environments",
    r"python -m api serve\b": "does not end; the fixture starts the service so",
    r"python -m api witness( +#.*)?$": "does not end; tests/unit/transparency/test_witness.py asks one",
    r"python -m api migrate-store |createdb |export COUNTERMARK_DATABASE_URL": "needs PostgreSQL: test_postgresql.py",
    r"python -m api restore ": "needs an empty data folder: tests/unit/registry/test_backup.py",
    r"python -m api log rotate-key --successor|COUNTERMARK_LOG_SIGNER='pkcs11": "needs a token: those marked `token`",
    r"countermark key sign ": "needs an API key of that publisher: tests/unit/client/test_key_commands.py",
    r"countermark key enrol .* --rotate": "instead of the line above: tests/unit/client/test_key_commands.py",
    r"deploy/up\.sh": "tests/deploy/test_compose.py starts what it starts",
    r"\((stop the server|start it)\)": "what a person does",
    r"countermark receipt verify old\.countermark": "needs a log with two keys: tests/unit/client/test_rotated_log.py",
    r"signer = LocalSigner\.from_encrypted_pem|client\.register_signed": "needs a key that a line of shell makes",
    r"client\.answer_dispute\(": "the two lines are of two publishers: tests/e2e/test_chains.py",
}
"""Lines by a pattern at their beginning, and why they are not run here."""

BLOCKS_NOT_RUN = {
    "<p id=": "tests/e2e/pages/test_foreign_page.py opens it in a browser",
    "import base64, json, sys": "tests/unit/registry/test_signing_process.py starts it",
    "witness alpha alpha.example": "a policy with abbreviated keys",
    "18([": "a notation",
    "archive/flood/1.jpg says": "what a command tells",
}
"""Blocks by how they begin."""

WRITTEN = {'fail = ["differs"': "audit.toml", "file,title,caption": "captions.csv"}
"""Blocks that are the content of a file, by how they begin."""

STATUS = {
    "countermark verify sha256:": {1},  # nobody has registered it
    "countermark audit ": {0, 1, 3},
    "countermark audit verify": {0},
    "countermark audit diff": {0},
    "countermark compare copy.jpg other.png": {1},  # other.png shows something else
    "countermark verify copy.jpg other.png": {0, 1},  # whether other.png is registered depends on the lines before
    "countermark verify photos/": {0, 1},
    "countermark log watch": {0, 1},  # it tells of what others have registered
    "python -m api log init            #": {2},  # there is one
    "python -m api log freeze": {1},  # it asks, and nobody answers
    "countermark log audit https://registry.example/log --policy": {3},  # nobody cosigns here
    "countermark receipt verify picture.countermark picture.jpg --vkey 'LOG KEY' --authority": {3},  # no stamp here
    "python -m api certificate check": {0, 1},
}
"""What lines end with, by how they begin, the longest first; 0 for all others."""


@dataclass(frozen=True)
class Block:
    """Code of a page; `line` is the number of its first line."""

    line: int
    language: str
    text: str


def blocks(text: str) -> Iterator[Block]:
    """Fenced and indented blocks. An indented one is Python if it begins as that does."""
    lines, at = text.splitlines(), 0
    while at < len(lines):
        if fence := re.match(r"```(\w*)$", lines[at]):
            end = lines.index("```", at + 1)
            yield Block(at + 2, {"": "sh"}.get(fence[1], fence[1]), "\n".join(lines[at + 1 : end]))
            at = end + 1
        elif lines[at].startswith("    ") and not lines[at - 1].strip():
            end = at
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            body = re.sub(r"^ {4}(?: {3}(?! ))?", "", "\n".join(lines[at:end]).rstrip(), flags=re.MULTILINE)
            is_python = re.match(r"(from|import|with|for|client\.|[a-z_]+ = )", body)
            yield Block(at + 1, "python" if is_python else "sh", body)
            at = end
        else:
            at += 1


def commands(block: Block) -> Iterator[str]:
    """The lines of a block of shell, continued ones joined. Of a session only those after a prompt."""
    text = re.sub(r" \\\n\s+", " ", block.text)
    session = any(line.startswith("$ ") for line in text.splitlines())
    for line in text.splitlines():
        if session and not line.startswith("$ "):
            continue
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.removeprefix("$ ").strip()


def why_not(line: str) -> str | None:
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, line)), None)


def expected(line: str) -> set[int]:
    said = line.removeprefix(".venv/bin/")
    return next((STATUS[begin] for begin in sorted(STATUS, key=len, reverse=True) if said.startswith(begin)), {0})


@dataclass(frozen=True)
class Place:
    """A folder with what the pages name.

    Attributes:
        said: what stands in the pages, and what it is here.
        preamble: what Python blocks have before them.
        environment: of the shell.
    """

    folder: Path
    said: Mapping[str, str]
    preamble: str
    environment: Mapping[str, str]

    def here(self, text: str) -> str:
        for there, here in self.said.items():
            text = text.replace(there, here)
        return text


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service") / "data", operator="The Test Daily") as service:
        service.enrol("daily", "The Daily")
        service.enrol("evening", "The Evening Daily")
        with Client(service.url, api_key=service.enrol("herald", "The Herald")) as client:
            client.register(draw(6_999), title="Of another publisher")
        yield service


def draw_files(folder: Path, seed: int) -> None:
    """Pictures: picture.jpg, a copy of it, others; and folders of them. Another seed: other pictures."""
    for number, name in enumerate(("picture.jpg", "other.png", "raw.jpg", "page.jpg")):
        (folder / name).write_bytes(draw(seed + number))
    Image.open(folder / "raw.jpg").crop((40, 30, 600, 450)).save(folder / "crop.jpg")
    Image.open(folder / "picture.jpg").save(folder / "copy.jpg", quality=70)
    (folder / "captions.csv").write_text("file,title\narchive/flood/1.jpg,Flood\n")
    for name in ("photos", "archive", "incoming"):
        (folder / name).mkdir()
        shutil.copy(folder / "picture.jpg", folder / name)
        shutil.copy(folder / "other.png", folder / name)
    (folder / "archive" / "flood").mkdir()
    for number in (1, 2):
        (folder / "archive" / "flood" / f"{number}.jpg").write_bytes(draw(seed + 10 + number))


@pytest.fixture
def place(service: Service, tmp_path: Path, page: str) -> Place:
    draw_files(tmp_path, 10_000 + 100 * PAGES.index(page))
    with Client(service.url, api_key=service.api_key) as client:
        registered = client.register(tmp_path / "picture.jpg", title="Path below the Picos")
        (tmp_path / "picture.countermark").write_bytes(client.receipt(registered.id))
        (tmp_path / "picture.tlog-proof").write_bytes(client.receipt(registered.id, "tlog-proof"))
        kid = client.publisher_keys(registered.publisher.id)[0].thumbprint
        about = client.service()
    vkey = about.log_keys[0]
    (tmp_path / "receipts").mkdir()
    shutil.copy(tmp_path / "picture.countermark", tmp_path / "receipts")
    for name in ("policy.txt", "witnesses.policy"):
        (tmp_path / name).write_text(f"log {vkey}\nquorum none\n")
    (tmp_path / "logs.txt").write_text(f"{vkey}\n")
    auditor = LocalSigner.generate(Algorithm.ED25519)
    (tmp_path / "auditor.pem").write_bytes(auditor.to_encrypted_pem(PASSPHRASE.encode()))
    (tmp_path / "auditor.pub.pem").write_bytes(public_pem(auditor))
    for name in ("tsa.pem", "CHAIN.pem"):
        shutil.copy(ROOT / "tests/vectors/timestamp/anchor.pem", tmp_path / name)
    (tmp_path / "demo").symlink_to(ROOT / "demo")
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERMARK_")} | {
        "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "COUNTERMARK_ENVIRONMENT": "development",
        "COUNTERMARK_FOLDER": str(tmp_path / "operator"),
        "COUNTERMARK_KEY_PASSPHRASE": PASSPHRASE,
        "COUNTERMARK_URL": service.url,
        "COUNTERMARK_API_KEY": service.api_key,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "LOG_KEY": vkey,
        "VKEY": vkey,
        "KID": kid,
    }
    said = {
        "Client(api_key=KEY)": "Client(URL, api_key=KEY)",  # by default that of `make run`
        "https://registry.example": service.url,
        "http://127.0.0.1:8000": service.url,
        "registry.example/log+…": vkey,
        "log.example+25b33dc8+AQQs…": vkey,
        "'LOG KEY'": f"'{vkey}'",
        "registry.example/log": about.origin,
        "cmk_…": service.api_key,
        "=…": f"='{PASSPHRASE}'",
        "RECORD": registered.id,
        "KEY_ID": "$(python -m api key list | tail -1 | cut -d' ' -f1)",
        "countermark log watch": "countermark log watch --once",  # else it does not end
        "countermark watch": "countermark watch --once",
        "newsroom.pem": '"$KID"',
        'publisher="daily")': 'publisher="evening")',  # in Python: of another publisher than the commands
        'rotate_key("daily"': 'rotate_key("evening"',
    }
    preamble = f"""
import os
from countermark import Client, Parent
URL, KEY, LOG_KEY = {service.url!r}, {service.api_key!r}, os.environ["LOG_KEY"]
VKEY = LOG_KEY
os.environ.pop("COUNTERMARK_API_KEY", None)
client = Client(URL, api_key=KEY)
earlier = client.asset({registered.id!r})
asset = client.register("raw.jpg", title="A sealed picture", visibility="sealed")
our_own_id, (asset_id,) = earlier.id, [each.id for each in client.assets(publisher="herald")]
"""
    return Place(tmp_path, said, preamble, environment)


def run(place: Place, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=place.folder,
        env=dict(place.environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


PAGES = [
    path
    for path in (
        *("README.md", "CONTRIBUTING.md", "clients/python/README.md"),
        *sorted(each.relative_to(ROOT).as_posix() for each in (ROOT / "docs").rglob("*.md") if "adr" not in each.parts),
    )
    if list(blocks((ROOT / path).read_text()))
]


@pytest.mark.timeout(12 * HUNG_SECONDS)  # a page has up to twenty commands, one after the other
@pytest.mark.parametrize("page", PAGES)
def test_every_line_of_code_runs(page: str, place: Place) -> None:
    shell, python = [], [place.preamble]
    expectations: list[tuple[str, set[int]]] = []
    for block in blocks((ROOT / page).read_text()):
        if any(block.text.startswith(begin) for begin in BLOCKS_NOT_RUN):
            continue
        written = next((name for begin, name in WRITTEN.items() if block.text.startswith(begin)), None)
        if written is not None:
            (place.folder / written).write_text(place.here(block.text))
        elif block.language == "python":
            lines = [line for line in block.text.splitlines() if not why_not(line)]
            python.append("client = Client(URL, api_key=KEY)\n" + place.here("\n".join(lines)))
        else:
            assert block.language == "sh", f"{page}:{block.line}: {block.language} is neither run nor listed"
            for line in commands(block):
                if why_not(line) is None:
                    if line.startswith("countermark audit diff january"):
                        shell.append("countermark audit photos/ --out january -q; cp -r january february")
                    here = re.sub(r"^make (\w)", rf"make -n -C {ROOT} \1", place.here(line))
                    shell.append(f"{here}\nprintf '\\nended %s\\n' \"$?\"")
                    expectations.append((line, expected(line)))
    if len(python) > 1:
        done = run(place, sys.executable, "-c", "\n".join(python))
        assert done.returncode == 0, done.stderr
    if shell:
        of_operator = [line for line, _ in expectations if line.startswith("python -m api")]
        before = [] if "python -m api log init" in " ".join(of_operator[:1]) else ["python -m api log init"]
        done = run(place, "bash", "-c", "\n".join([*(before if of_operator else []), *shell]))
        ended = [int(each) for each in re.findall(r"^ended (\d+)$", done.stdout, re.MULTILINE)]
        assert len(ended) == len(expectations), done.stdout + done.stderr
        wrong = [(line, got) for (line, wanted), got in zip(expectations, ended, strict=True) if got not in wanted]
        assert wrong == [], done.stdout[-3_000:] + done.stderr[-3_000:]
