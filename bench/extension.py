"""`python -m bench.extension`: what a user of the extension waits for, from the click in a page to the answer.

One page's picture is a JPEG of twelve megapixels of its own site, and registered: its digest settles it. Another is a
copy of it that was saved anew, so that its PDQ leads to it. Each is clicked on once, and then asked for again and again
as by a click: the time is that of bytes, digest, PDQ where it is needed, look-up, report and checks. An altered copy,
1,280 pixels wide, is sent by the button: the time is that to the headline, pictures and all.
"""

import io
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from countermark import Client
from PIL import Image

from bench.pictures import twelve_megapixels
from demo.alterations import PHOTOS
from demo.service import UNBOUNDED, running_service
from tests.conftest import find_chromium, find_firefox
from tests.e2e.extension.browsers import (
    ExtendedBrowser,
    once,
    running_chromium,
    running_extended_firefox,
)
from tests.e2e.extension.display import virtual_display
from tests.e2e.extension.sites import Sites, encoded, running_sites
from tests.e2e.pages.pictures import altered_picture
from tools.extension import assemble

ROUNDS = 7
ANSWER_MS = 550
HEADLINE_MS = 1500
SENT_WIDTH = 1280
ENTER = """async (address) => {
    const { Registry } = await import(`${location.origin}/registry.js`);
    await Registry.enter(address);
}"""
ANSWERED = ".answer[aria-busy=false]"
HEADLINE = f"{ANSWERED} h2[data-code]"
SEND = f"{ANSWERED} .button.large"
HAS = "(selector) => document.querySelector(selector) !== null"
WATCH = """(awaited) => {
    window.answered = 0;
    const settled = () => document.querySelector(awaited) && Date.now();
    new window.MutationObserver(() => { window.answered ||= settled(); }).observe(document, {
        subtree: true, childList: true, attributes: true });
}"""
AGAIN = """(click) => {
    const number = Date.now();
    return chrome.storage.session.set({ click: { ...click, number } }).then(() => number);
}"""
PRESS = """(selector) => {
    const begun = Date.now();
    document.querySelector(selector).click();
    return begun;
}"""


def clicked(browser: ExtendedBrowser, sites: Sites, path: str) -> dict[str, Any]:
    """What the panel is told of the picture of a page, by the menu; it has answered."""
    before = browser.told().get("click")
    browser.open_menu(browser.open(sites.at("news", path)), "img")
    browser.choose_in_menu()
    click: dict[str, Any] = once(lambda: (click := browser.told().get("click")) != before and click)
    once(lambda: browser.panel().evaluate(HAS, ANSWERED))
    return click


def looked_up(browser: ExtendedBrowser, click: dict[str, Any]) -> float:
    """Milliseconds from a click to the registry's answer on what digests lead to."""
    panel = browser.panel()
    panel.evaluate("() => document.querySelector('#answers').replaceChildren()")
    panel.evaluate(WATCH, ANSWERED)
    begun = browser.beside.evaluate(AGAIN, click)
    return float(once(lambda: panel.evaluate("() => window.answered")) - begun)


def sent(browser: ExtendedBrowser, click: dict[str, Any]) -> float:
    """Milliseconds from the button that sends the picture to the headline."""
    looked_up(browser, click)
    panel = browser.panel()
    panel.evaluate(WATCH, HEADLINE)
    begun = panel.evaluate(PRESS, SEND)
    return float(once(lambda: panel.evaluate("() => window.answered")) - begun)


def altered_copy() -> bytes:
    """A copy of the second registered picture with something pasted in, as wide as others pass pictures on."""
    altered = altered_picture()
    height = round(SENT_WIDTH * altered.height / altered.width)
    return encoded(altered.resize((SENT_WIDTH, height)), quality=85)


def saved_anew(data: bytes) -> bytes:
    return encoded(Image.open(io.BytesIO(data)), quality=85)


def figures(what: str, taken: list[float], aim: int) -> str:
    first, *rest = taken
    return (
        f"{what}: {statistics.median(rest):.0f} ms, the median of {len(rest)}; "
        f"from {min(rest):.0f} to {max(rest):.0f}, and the first {first:.0f} (aim: {aim})"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, virtual_display() as display, running_sites() as sites:
        folder = Path(scratch)
        data = twelve_megapixels()
        sites.files["photo.jpg"] = data
        sites.files["anew.jpg"] = saved_anew(data)
        sites.files["copy.jpg"] = altered_copy()
        for name in ("photo", "anew", "copy"):
            sites.pages[f"/{name}"] = f"<!doctype html><img src=/closed/{name}.jpg width=500>"
        for name in ("chrome", "firefox"):
            assemble(name, folder / name)
            (folder / f"{name}-profile").mkdir()
        with (
            running_service(folder / "data", **UNBOUNDED) as service,
            Client(service.url, api_key=service.api_key) as client,
        ):
            client.register(data, title="Twelve megapixels")
            client.register(PHOTOS / "stream.jpg", title="A stream in the beech wood")
            chromium, firefox = find_chromium(), find_firefox()
            assert chromium, "make browsers"
            assert firefox, "make browsers"
            for name, running in (
                ("Chromium", running_chromium(chromium, folder / "chrome", folder / "chrome-profile", display)),
                ("Firefox", running_extended_firefox(firefox, folder / "firefox", folder / "firefox-profile", display)),
            ):
                with running as browser:
                    browser.beside.evaluate(ENTER, service.url)
                    for what, act, path, aim in (
                        ("looked up by its digest", looked_up, "/photo", ANSWER_MS),
                        ("looked up by its PDQ", looked_up, "/anew", ANSWER_MS),
                        ("sent, 1,280 pixels wide", sent, "/copy", HEADLINE_MS),
                    ):
                        click = clicked(browser, sites, path)
                        taken = [act(browser, click) for _ in range(ROUNDS + 1)]
                        sys.stdout.write(f"{name}, {figures(what, taken, aim)}\n")
        sys.stdout.write("load of the machine, over a minute: {:.1f}\n".format(*os.getloadavg()))


if __name__ == "__main__":
    main()
