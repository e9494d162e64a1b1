"""What a plain `pip install countermark` brings is enough for the client, its commands, signatures and proofs."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.receipt_vectors import REGISTERED, receipt_of

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OF_MEDIA = ("c2pa", "cv2", "defusedxml", "imagehash", "numpy", "pillow_heif", "PIL", "scipy")
PICTURE = f"open({str(ROOT / 'demo' / 'photos' / 'rocket.jpg')!r}, 'rb').read()"
WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({OF_MEDIA!r}));"


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^a-z0-9-]", requirement)[0] for requirement in requirements}


def test_nothing_that_is_exported_loads_a_library_for_pictures() -> None:
    program = f"""
import sys, countermark
for name in countermark.__all__:
    getattr(countermark, name)
print([name for name in {OF_MEDIA!r} if name in sys.modules])
"""
    done = run(program)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("program", "without"),
    [
        ("import countermark", ("httpx2", "pydantic", "cryptography", "provenance.answers")),
        ("from countermark import Client", ("pydantic", "typer", "rich", "provenance.receipts")),
        ("from countermark import verify_receipt", ("httpx2", "pydantic", "typer", "rich")),
        ("import countermark.audit.worker", ("asyncio", "cryptography", "httpx2", "numpy", "pydantic")),
        (f"from countermark.digests import look_at; look_at({PICTURE}, perceptual=False)", ("cv2",)),
        ("import countermark.cli", ("httpx2", "pydantic", "cryptography", "sqlite3", "provenance.answers")),
    ],
)
def test_what_takes_long_to_import_is_imported_where_it_is_needed(program: str, without: tuple[str, ...]) -> None:
    done = run(f"{program}; import sys; print([name for name in {without!r} if name in sys.modules])")
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_client_commands_statements_and_proofs_can_be_imported_without_the_extras() -> None:
    program = f"""{WITHOUT}
import importlib, pkgutil
import countermark, provenance.statement, provenance.transparency
for package in (countermark, provenance.statement, provenance.transparency):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""
    assert run(program).stderr == ""


def test_a_picture_whose_pixels_cannot_be_compared_is_no_other_picture(tmp_path: Path) -> None:
    receipt = tmp_path / "picture.countermark"
    receipt.write_bytes(receipt_of(REGISTERED))
    (tmp_path / "copy.jpg").write_bytes(b"other bytes")
    program = f"{WITHOUT} from countermark.cli import main; main()"
    done = run(program, "receipt", "verify", str(receipt), str(tmp_path / "copy.jpg"))
    assert done.returncode == 3
    assert "install countermark[pictures]" in done.stderr
    assert "fails" not in done.stdout
    assert run(program, "receipt", "show", str(receipt)).returncode == 0


@pytest.mark.parametrize("requirements", ["dependencies", "media", "server"])
def test_the_lgpl_comes_with_the_extra_for_postgresql_alone(requirements: str) -> None:
    stated = {"dependencies": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    assert "psycopg" not in names(stated[requirements])
    assert names(stated["postgresql"]) == {"psycopg"}
    assert "psycopg" not in (ROOT / "requirements.lock").read_text()
