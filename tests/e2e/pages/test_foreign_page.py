"""The page of docs/how-to/check-a-receipt-in-a-page.md, on another origin than the registry's."""

import re
from pathlib import Path

import httpx2
import pytest
from countermark import RegisteredAsset
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from demo.service import Service
from tests.e2e.pages.reader import Tab
from tests.loopback import serving
from tests.patience import eventually

ROOT = Path(__file__).parents[3]
HOW_TO = (ROOT / "docs/how-to/check-a-receipt-in-a-page.md").read_text()
RESULT = "() => document.querySelector('#result').textContent"
KEY = re.compile(r'"log\.example/countermark\+[^"]+"')


def page_of(registry: str, key: str, record: str) -> str:
    """The page as documented, with this registry, key and record."""
    (documented,) = re.findall(r"```html\n(.*?)```", HOW_TO, re.DOTALL)
    assert KEY.search(documented)
    filled = KEY.sub(f'"{key}"', documented.replace("https://registry.example", registry))
    return f"<!doctype html><title>Elsewhere</title><body data-record={record}>{filled}"


@pytest.mark.parametrize(
    ("name", "said"), [("its own", "The receipt holds."), ("another log's", "It does not.")], ids=["known", "stranger"]
)
def test_a_page_of_another_site_checks_a_receipt(
    tab: Tab, service: Service, stream: RegisteredAsset, name: str, said: str
) -> None:
    discovery = httpx2.get(f"{service.url}/.well-known/countermark.json").json()
    (own, *_) = [key for key in discovery["log_keys"] if len(key) < 200]
    stranger = "log.example/countermark+25b33dc8+AQQsav5k2d1cDVHQAl9uK/oemEYAl5RoDk91cWoX75bU"
    html = page_of(service.url, own if name == "its own" else stranger, stream.id)
    modules = StaticFiles(directory=ROOT / "clients/js/src")
    site = Starlette(routes=[Route("/", lambda _: HTMLResponse(html)), Mount("/countermark", modules)])
    with serving(site) as url:
        tab.goto(url)
        eventually(lambda: tab.evaluate(RESULT) == said)
