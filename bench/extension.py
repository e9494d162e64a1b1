"""`python -m bench.extension`: what a user of the extension waits for, from the click in a page to the answer.

The page's picture is a JPEG of twelve megapixels of its own site, and registered; it is clicked on once, and
then asked for again and again as by a click. The time is that of bytes, digest, PDQ and look-up.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from countermark import Client

from bench.pictures import twelve_megapixels
from demo.service import running_service
from tests.conftest import find_chromium, find_firefox
from tests.e2e.extension.browsers import (
    ExtendedBrowser,
    once,
    running_chromium,
    running_extended_firefox,
)
from tests.e2e.extension.display import virtual_display
from tests.e2e.extension.sites import Sites, running_sites
from tools.extension import assemble

ROUNDS = 7
ANSWER_MS = 550
ENTER = """async (address) => {
    const { Registry } = await import(`${location.origin}/registry.js`);
    await Registry.enter(address);
}"""
WATCH = """() => {
    window.answered = 0;
    const settled = () => document.querySelector(".answer[aria-busy=false]") && Date.now();
    new window.MutationObserver(() => { window.answered ||= settled(); }).observe(document, {
        subtree: true, childList: true, attributes: true });
}"""
AGAIN = """(click) => {
    const number = Date.now();
    return chrome.storage.session.set({ click: { ...click, number } }).then(() => number);
}"""


def milliseconds(browser: ExtendedBrowser, sites: Sites) -> list[float]:
    """From a click to the registry's answer, round by round."""
    page = browser.open(sites.at("news"))
    browser.open_menu(page, "img")
    browser.choose_in_menu()
    click = once(lambda: browser.told().get("click"))
    panel = browser.panel()
    taken = []
    for _ in range(ROUNDS + 1):
        once(lambda: panel.evaluate("() => Boolean(document.querySelector('.answer[aria-busy=false]'))"))
        panel.evaluate("() => document.querySelector('#answers').replaceChildren()")
        panel.evaluate(WATCH)
        begun = browser.beside.evaluate(AGAIN, click)
        taken.append(once(lambda: panel.evaluate("() => window.answered")) - begun)
    return taken[1:]


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, virtual_display() as display, running_sites() as sites:
        folder = Path(scratch)
        data = twelve_megapixels()
        sites.files["photo.jpg"] = data
        sites.pages["/"] = "<!doctype html><img src=/closed/photo.jpg width=500>"
        for name in ("chrome", "firefox"):
            assemble(name, folder / name)
            (folder / f"{name}-profile").mkdir()
        with running_service(folder / "data") as service, Client(service.url, api_key=service.api_key) as client:
            client.register(data, title="Twelve megapixels")
            chromium, firefox = find_chromium(), find_firefox()
            assert chromium, "make browsers"
            assert firefox, "make browsers"
            for name, running in (
                ("Chromium", running_chromium(chromium, folder / "chrome", folder / "chrome-profile", display)),
                ("Firefox", running_extended_firefox(firefox, folder / "firefox", folder / "firefox-profile", display)),
            ):
                with running as browser:
                    browser.beside.evaluate(ENTER, service.url)
                    taken = milliseconds(browser, sites)
                    median = statistics.median(taken)
                    figures = f"{median:.0f} ms from click to answer, the median of {ROUNDS}; at least {min(taken):.0f}"
                    sys.stdout.write(f"{name}: {figures} (aim: {ANSWER_MS})\n")


if __name__ == "__main__":
    main()
