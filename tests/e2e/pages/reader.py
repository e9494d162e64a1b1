"""A reader at the verify page: what they do, and what they wait for."""

import base64
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.patience import HUNG_SECONDS

HUNG_MILLISECONDS = 1000 * HUNG_SECONDS
expect.set_options(timeout=HUNG_MILLISECONDS)

OpenPage = Callable[..., Page]
"""Opens a page of the service by its path; named arguments are the browser context's."""


class Tab(Protocol):
    """What the tabs of Playwright and of `tests/e2e/firefox.py` have in common."""

    def goto(self, url: str) -> Any: ...

    def evaluate(self, function: str, argument: Any = None) -> Any: ...

    def close(self) -> None: ...


def hand_in(page: Page, data: bytes, name: str = "picture.jpg") -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "application/octet-stream", "buffer": data})


def headline(page: Page) -> Locator:
    """The heading of the report, once there is one."""
    found = page.locator("#headline")
    expect(found).to_be_visible()
    return found


def open_all(page: Page) -> None:
    """Opens everything that a report has folded."""
    page.evaluate("document.querySelectorAll('#result details').forEach((each) => { each.open = true; })")


def posts(page: Page) -> list[Request]:
    """The POST requests of a page from now on."""
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    return sent


def tab_to(page: Page, selector: str) -> None:
    """Presses the Tab key until the element has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} cannot be reached with the Tab key")


KEEPS_COUNT = """() => {
    window.held = new Set();
    const { createObjectURL: make, revokeObjectURL: revoke } = URL;
    URL.createObjectURL = (blob) => {
        const address = make.call(URL, blob);
        window.held.add(address);
        return address;
    };
    URL.revokeObjectURL = (address) => {
        window.held.delete(address);
        revoke.call(URL, address);
    };
}"""
"""From now on `held` has the addresses of what the page keeps in memory."""

BRINGS = """([way, files, text]) => {
    const transfer = new DataTransfer();
    for (const [name, data] of files) {
        transfer.items.add(new File([Uint8Array.from(atob(data), (each) => each.charCodeAt(0))], name));
    }
    if (text) transfer.setData("text/plain", text);
    const event = way === "dropped"
        ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true})
        : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true, cancelable: true});
    document.body.dispatchEvent(event);
    return event.defaultPrevented;
}"""


def bring(page: Page, way: str, files: Sequence[tuple[str, bytes]] = (), text: str = "") -> bool:
    """Drops files or a text on the page, or pastes them. Whether the page has kept the browser from doing so itself."""
    encoded = [(name, base64.b64encode(data).decode()) for name, data in files]
    taken: bool = page.evaluate(BRINGS, [way, encoded, text])
    return taken
