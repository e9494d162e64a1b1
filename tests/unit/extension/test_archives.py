"""The archives of the extension hold what a browser needs, and are the same bytes whoever packs them."""

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.extension import OTHERS_ALONE, SOURCE, contents, pack

ROOT = Path(__file__).resolve().parents[3]
BROWSERS = tuple(OTHERS_ALONE)
IMPORTED = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.[^"']+)["']""")


@pytest.mark.parametrize("browser", BROWSERS)
def test_an_archive_is_the_same_whenever_and_wherever_it_is_packed(browser: str, tmp_path: Path) -> None:
    pack(browser, tmp_path / "one.zip")
    elsewhere = (
        f"import sys; from pathlib import Path; from tools.extension import pack; pack({browser!r}, Path('other.zip'))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", elsewhere], cwd=tmp_path, env=environment, umask=0o077, check=True)
    one, other = (hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("one.zip", "other.zip"))
    assert one == other


@pytest.mark.parametrize("browser", BROWSERS)
def test_its_files_are_in_order_and_tell_no_time(browser: str, tmp_path: Path) -> None:
    pack(browser, tmp_path / "packed.zip")
    entries = zipfile.ZipFile(tmp_path / "packed.zip").infolist()
    names = [entry.filename for entry in entries]
    assert names == sorted(names)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o644}


@pytest.mark.parametrize("browser", BROWSERS)
def test_all_that_its_files_name_is_in_it(browser: str) -> None:
    files = contents(browser)
    for name, data in files.items():
        if not name.endswith(".js"):
            continue
        for imported in IMPORTED.findall(data.decode()):
            assert os.path.normpath(Path(name).parent / imported) in files, (name, imported)
    manifest = json.loads(files["manifest.json"])
    background = manifest["background"].get("service_worker") or manifest["background"]["scripts"][0]
    panel = manifest.get("side_panel", {}).get("default_path") or manifest["sidebar_action"]["default_panel"]
    assert {*manifest["icons"].values(), background, panel, manifest["options_ui"]["page"]} <= set(files)


def test_each_browser_gets_what_it_knows_of_one_manifest() -> None:
    chrome, firefox = (json.loads(contents(browser)["manifest.json"]) for browser in ("chrome", "firefox"))
    assert "sidebar_action" not in chrome
    assert chrome["background"] == {"service_worker": "background.js", "type": "module"}
    assert "side_panel" not in firefox
    assert firefox["background"] == {"scripts": ["background.js"], "type": "module"}
    both = {"activeTab", "contextMenus", "scripting", "storage"}
    assert set(chrome["permissions"]) == both | {"sidePanel"}
    assert set(firefox["permissions"]) == both | {"menus"}  # which element a menu was opened on


def test_nothing_is_let_onto_pages_beforehand() -> None:
    manifest = json.loads((SOURCE / "manifest.json").read_text())
    assert "content_scripts" not in manifest
    assert "host_permissions" not in manifest
    assert "web_accessible_resources" not in manifest
    assert "externally_connectable" not in manifest


def test_its_two_pages_begin_alike() -> None:
    panel, options = (
        (SOURCE / page / f"{page}.html").read_text().partition("</head>")[0].replace(page, "PAGE")
        for page in ("panel", "options")
    )
    assert panel == options


def test_the_modules_come_without_their_comments() -> None:
    module = contents("chrome")["countermark/pdq.js"].decode()
    assert "export function pdq" in module
    assert "/**" not in module
