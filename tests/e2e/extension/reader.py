"""A reader at the panel and the settings: what they do there, and what they wait for."""

import base64
import json
import re
from importlib.resources import files
from typing import Any

import pytest

from tests.e2e.extension.browsers import ExtendedBrowser, once
from tests.e2e.firefox import FirefoxPage
from tests.e2e.pages.reader import Tab

WATCH = """() => {
    if (window.watched) return;
    window.watched = [];
    const violated = ({ violatedDirective, blockedURI }) => void watched.push(`${violatedDirective} ${blockedURI}`);
    addEventListener("securitypolicyviolation", violated);
    addEventListener("error", (event) => watched.push(String(event.message)));
    addEventListener("unhandledrejection", (event) => watched.push(String(event.reason?.stack ?? event.reason)));
    for (const name of ["alert", "confirm", "prompt"]) window[name] = (text) => void watched.push(`${name} ${text}`);
}"""
CLICKED = """async (source) => {
    document.querySelector("#answers").replaceChildren();
    const { id } = await chrome.windows.getCurrent();
    const place = { windowId: id, tabId: 0, frameId: 0, pageOrigin: "" };
    const click = { number: Date.now(), ...place, source, shown: source, kind: "img", width: 0, height: 0 };
    await chrome.storage.session.set({ click });
}"""
ENTER = """async ({ address, key }) => {
    const { Registry } = await import("/registry.js");
    try {
        await Registry.enter(address, key ?? undefined);
    } catch (fault) {
        return fault.code ?? String(fault.stack ?? fault);
    }
    return null;
}"""
EMPTIED = """async () => {
    await chrome.storage.local.clear();
    await chrome.storage.session.clear();
}"""
SETTLED = """(count) => {
    const answers = [...document.querySelectorAll(".answer")];
    const settled = answers.length && answers.every((each) => each.getAttribute("aria-busy") === "false");
    return settled || (!answers.length && document.querySelector("#answers").children.length > 0);
}"""
FIRST_SCREEN = 900
"""CSS pixels."""
READ_ABOVE = """(least) => {
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    const read = [];
    while (walker.nextNode()) {
        const holder = walker.currentNode.parentElement;
        const range = document.createRange();
        range.selectNodeContents(walker.currentNode);
        const { bottom, height } = range.getBoundingClientRect();
        const shown = height > 0 && holder.checkVisibility({ visibilityProperty: true });
        const heard = shown && !holder.closest("[aria-hidden=true]");
        if (heard && bottom + scrollY <= least) read.push(walker.currentNode.data);
    }
    return read.join(" ");
}"""
"""The text of the accessibility tree that lies above a line."""


def as_source(data: bytes, media_type: str = "image/jpeg") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


class Reader:
    """Somebody with the panel, or the settings, in a tab of their own."""

    def __init__(self, browser: ExtendedBrowser, path: str = "panel/panel.html", tab: Tab | None = None) -> None:
        self.browser = browser
        self.tab: Tab = tab or browser.extension_page(path)
        self.watch()

    def watch(self) -> None:
        self.tab.evaluate(WATCH)

    @property
    def watched(self) -> list[str]:
        """Dialogs, violations of the content security policy, and exceptions that nobody caught."""
        found: list[str] = self.tab.evaluate("() => window.watched")
        return found

    def empty(self) -> None:
        """Forgets everything that the extension keeps."""
        self.tab.evaluate(EMPTIED)

    def enter(self, address: str, key: str | None = None) -> str | None:
        """Enters a registry; the code of what went wrong, if anything did."""
        code: str | None = self.tab.evaluate(ENTER, {"address": address, "key": key})
        return code

    def check(self, data: bytes, media_type: str = "image/jpeg") -> str:
        """What the panel says in the end of a picture that was clicked."""
        self.tab.evaluate(CLICKED, as_source(data, media_type))
        return self.answer()

    def answer(self) -> str:
        once(lambda: self.tab.evaluate(SETTLED))
        return self.text("#answers")

    def send(self) -> str:
        """Sends the picture, by the large button."""
        self.press(".answer .button.large")
        return self.answer()

    def press(self, selector: str) -> None:
        """As a click does; what it starts has begun."""
        self.tab.evaluate("(selector) => document.querySelector(selector).click()", selector)

    def resize(self, width: int, height: int) -> None:
        """Makes the page as large as this, in CSS pixels."""
        if isinstance(self.tab, FirefoxPage):
            self.tab.resize(width, height)
        else:
            self.tab.set_viewport_size({"width": width, "height": height})  # type: ignore[attr-defined]

    def prefer(self, scheme: str) -> None:
        """ "light" or "dark"; Firefox has no way to be told."""
        if not isinstance(self.tab, FirefoxPage):
            self.tab.emulate_media(color_scheme=scheme)  # type: ignore[attr-defined]

    def see(self) -> None:
        """Makes it the tab that is seen."""
        if isinstance(self.tab, FirefoxPage):
            self.tab.activate()
        else:
            self.tab.bring_to_front()  # type: ignore[attr-defined]

    def key(self, *keys: str) -> None:
        """Presses keys: characters, or "Tab", "Enter"."""
        if isinstance(self.tab, FirefoxPage):
            self.tab.press(*keys)
        else:
            for key in keys:
                self.tab.keyboard.press(key)  # type: ignore[attr-defined]

    def tab_to(self, selector: str) -> None:
        """Presses the Tab key until the element has the focus."""
        for _ in range(60):
            self.key("Tab")
            if self.tab.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
        pytest.fail(f"{selector} cannot be reached with the Tab key")

    def text(self, selector: str) -> str:
        found: str = self.tab.evaluate("(selector) => document.querySelector(selector).innerText", selector)
        return " ".join(found.split())

    def has(self, selector: str) -> bool:
        return bool(self.tab.evaluate("(selector) => document.querySelector(selector) !== null", selector))

    def read_above(self, least: int = FIRST_SCREEN) -> str:
        read: str = self.tab.evaluate(READ_ABOVE, least)
        return " ".join(read.split())

    def kept(self, key: str) -> Any:
        return self.tab.evaluate("async (key) => (await chrome.storage.local.get(key))[key]", key)

    def keep(self, key: str, value: object) -> None:
        self.tab.evaluate(
            "async ({ key, value }) => chrome.storage.local.set({ [key]: value })", {"key": key, "value": value}
        )

    def said(self, key: str, **values: object) -> str:
        """A message of the extension, in the browser's language."""
        message: str = self.tab.evaluate("(key) => chrome.i18n.getMessage(key)", key)
        for name, value in values.items():
            message = message.replace("{" + name + "}", str(value))
        return " ".join(message.split())

    def parts(self, key: str, **values: object) -> list[str]:
        """What of a message stands there whatever is filled in beside these values."""
        return [part.strip() for part in re.split(r"\{\w+\}", self.said(key, **values)) if part.strip(" .:“”„()")]

    def violations(self) -> list[str]:
        """What axe finds."""
        axe = (files("axe_playwright_python") / "axe.min.js").read_text()
        run = f"async () => {{ if (!window.axe) {{ {axe} }} return (await axe.run()).violations; }}"
        found = self.tab.evaluate(run)
        return [f"{each['id']}: {json.dumps([node['html'] for node in each['nodes']])}" for each in found]
