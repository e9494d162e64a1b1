"""What `tests/e2e/firefox.py` promises to the tests that drive Firefox."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from tests.e2e.firefox import Firefox, FirefoxError
from tests.loopback import serving
from tests.patience import eventually

pytestmark = pytest.mark.firefox

PAGE = "<!doctype html><title>A page</title><h1>Headline</h1><input type=file>"
MANIFEST = {
    "manifest_version": 3,
    "name": "Signs pages",
    "version": "1.0",
    "content_scripts": [{"matches": ["http://127.0.0.1/*"], "js": ["sign.js"]}],
    "browser_specific_settings": {"gecko": {"id": "signs@countermark.test"}},
}


def site() -> Starlette:
    return Starlette(routes=[Route("/", lambda _: HTMLResponse(PAGE))])


def folder_of(extension: Path) -> Path:
    return extension


def zip_of(extension: Path) -> Path:
    return Path(shutil.make_archive(str(extension), "zip", extension))


def test_a_function_of_the_page_is_asked_with_an_argument(firefox: Firefox) -> None:
    with serving(site()) as url:
        page = firefox.open(url)
        asked = {"selector": "h1", "times": [1, 2]}
        told = "async ({ selector, times }) => [document.querySelector(selector).textContent, times.length, null]"
        assert page.evaluate(told, asked) == ["Headline", 2, None]
        assert page.evaluate("() => undefined") is None
        with pytest.raises(FirefoxError, match="it is over"):
            page.evaluate("async () => { throw new Error('it is over'); }")
        page.close()


def test_what_a_page_complains_of_is_kept(firefox: Firefox) -> None:
    with serving(site()) as url:
        before = firefox.complaints
        page = firefox.open(url)
        page.evaluate("() => console.log('all is well')")
        page.evaluate("() => console.error('all is lost')")
        assert firefox.complaints == [*before, "all is lost"]
        page.close()


def test_a_file_is_chosen(firefox: Firefox, tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(b"twelve bytes")
    with serving(site()) as url:
        page = firefox.open(url)
        page.set_input_files("input", [tmp_path / "picture.jpg"])
        chosen = page.evaluate("() => [...document.querySelector('input').files].map(({ name, size }) => [name, size])")
        assert chosen == [["picture.jpg", 12]]
        page.close()


@pytest.mark.parametrize("packed", [folder_of, zip_of])
def test_an_extension_that_nobody_signed_works_until_it_is_removed(
    firefox: Firefox, tmp_path: Path, packed: Callable[[Path], Path]
) -> None:
    extension = tmp_path / "extension"
    extension.mkdir()
    (extension / "manifest.json").write_text(json.dumps(MANIFEST))
    (extension / "sign.js").write_text("document.title = 'Signed';")
    with serving(site()) as url:
        installed = firefox.install(packed(extension))
        assert installed == "signs@countermark.test"
        page = firefox.open(url)
        eventually(lambda: page.evaluate("() => document.title") == "Signed")
        firefox.uninstall(installed)
        page.goto(url)
        assert page.evaluate("() => document.title") == "A page"
        page.close()
