"""Chromium and Firefox with the extension, on a virtual display: what a user does with it, and what they see.

with running_chromium(executable, EXTENSIONS / "chrome", folder, display) as browser:
    page = browser.open("http://news.localhost:8000/")
    browser.click_toolbar(page)
    browser.panel().evaluate("() => document.title")
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright
from websockets.sync.client import ClientConnection, connect

from tests.e2e.extension.display import Display
from tests.e2e.firefox import Firefox, FirefoxPage, running_firefox
from tests.e2e.pages.reader import HUNG_MILLISECONDS, Tab
from tests.patience import HUNG_SECONDS, POLL_SECONDS, UNATTENDED_SECONDS

GECKO_ID = "extension@countermark.example"
GECKO_HOST = "b6bd7b5c-6f4f-4b23-9b04-5d3f3b0f7c11"
"""What Firefox would draw by chance for the addresses of the extension's pages."""
PANEL = "panel/panel.html"
DIMMED = 0.9
LOADED = f"() => location.href.endsWith('{PANEL}') && document.readyState === 'complete'"
BESIDE = "options/options.html"
CENTRE = """(selector) => {
    const box = document.querySelector(selector).getBoundingClientRect();
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}"""

CORNER = "() => ({ x: window.mozInnerScreenX, y: window.mozInnerScreenY })"
"""Where a page of Firefox begins on the display."""


class ExtendedBrowser(Protocol):
    """A browser with the extension."""

    display: Display
    beside: Tab
    """A tab of the extension that does nothing by itself, to call its modules from."""

    def open(self, url: str) -> Tab:
        """A tab with the page, which is then the one that is seen."""

    def extension_page(self, path: str) -> Tab:
        """A tab with a page of the extension ("panel/panel.html"), which is then the one that is seen."""

    def focus(self, tab: Tab) -> None:
        """Has keys go to the page, which is seen."""

    def click_toolbar(self, tab: Tab) -> None:
        """Clicks the extension's button while the tab is seen."""

    def open_menu(self, tab: Tab, selector: str) -> None:
        """Clicks with the right button in the middle of an element, so that the browser's own menu opens."""

    def choose_in_menu(self, on_a_picture: bool = True) -> None:
        """Takes the extension's line of that menu."""

    def panel(self) -> Tab:
        """The side panel, once it has opened."""

    def click_in_panel(self, selector: str) -> None:
        """Clicks with the mouse in the middle of an element of the panel."""

    def allow(self) -> None:
        """Answers the browser's question for a site, once it is asked, by keys."""

    def refuse(self) -> None:
        """Says no to that question."""

    def told(self) -> dict[str, Any]:
        """What `chrome.storage.session` holds."""


def once(look: Callable[[], Any]) -> Any:
    """What a look gives, as soon as it gives something."""
    deadline = time.monotonic() + HUNG_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(POLL_SECONDS)
    return found


class SidePanel:
    """Chromium's side panel, over the protocol of its developer tools: Playwright knows of tabs only."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := json.loads(self._connection.recv(timeout=HUNG_SECONDS))).get("id") != number:
            pass
        assert "error" not in message, message
        result: dict[str, Any] = message["result"]
        return result

    def evaluate(self, function: str, argument: Any = None) -> Any:
        """What a function gives in it, as for a click of the user."""
        answer = self.command(
            "Runtime.evaluate",
            expression=f"({function})({json.dumps(argument)})",
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def goto(self, url: str) -> None:
        self.command("Page.navigate", url=url)

    def click(self, selector: str) -> None:
        """Clicks an element with the mouse."""
        place = self.evaluate(CENTRE, selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def close(self) -> None:
        self._connection.close()


class Chromium:
    """A running one."""

    def __init__(self, context: BrowserContext, display: Display, folder: Path, connections: ExitStack) -> None:
        assert context.browser is not None
        self._connections = connections
        self.context = context
        self.display = display
        self._tools = context.browser.new_browser_cdp_session()
        self._port = (folder / "DevToolsActivePort").read_text().split()[0]
        self._worker = next(iter(context.service_workers), None) or context.wait_for_event("serviceworker")
        self.id = self._worker.url.split("/")[2]
        self._panel: SidePanel | None = None
        self._brightness = 0.0
        self.beside = self.extension_page(BESIDE)

    def open(self, url: str) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(HUNG_MILLISECONDS)
        page.goto(url)
        return page

    def extension_page(self, path: str) -> Page:
        return self.open(f"chrome-extension://{self.id}/{path}")

    def focus(self, tab: Page) -> None:
        tab.bring_to_front()
        self.display.focus()

    def click_toolbar(self, tab: Page) -> None:
        tab.bring_to_front()
        [target] = (each["targetId"] for each in self._targets("tab") if each["url"] == tab.url)
        self._tools.send("Extensions.triggerAction", {"id": self.id, "targetId": target})

    def open_menu(self, tab: Page, selector: str) -> None:
        tab.bring_to_front()
        before = self.display.windows()
        place = tab.evaluate(CENTRE, selector)
        tab.mouse.click(place["x"], place["y"], button="right")
        once(lambda: self.display.windows() - before)

    def choose_in_menu(self, on_a_picture: bool = True) -> None:
        # The last line inspects; of a page, another above it shows its source; then comes the one of the extension.
        self.display.press("Up", *["Up"] * (1 if on_a_picture else 2), "Return")

    def panel(self) -> SidePanel:
        if self._panel is None:
            address = f"chrome-extension://{self.id}/{PANEL}"
            tabs = {page.url for page in self.context.pages}
            found = once(lambda: [each for each in self._targets("page") if each["url"] == address])
            assert address not in tabs, "a tab has the panel too"
            address = f"ws://127.0.0.1:{self._port}/devtools/page/{found[0]['targetId']}"
            connection = connect(address, max_size=None, open_timeout=HUNG_SECONDS)
            self._panel = SidePanel(self._connections.enter_context(connection))
            once(lambda: self._panel and self._panel.evaluate(LOADED))
        return self._panel

    def click_in_panel(self, selector: str) -> None:
        self._brightness = self.display.brightness()
        self.panel().click(selector)

    def allow(self) -> None:
        once(self._is_asking)
        before = once(self._still)
        once(lambda: self.display.press("Tab") or self._still() not in (None, before))
        once(lambda: self.display.press("Return") or (self._still() and not self._is_asking()))

    def refuse(self) -> None:
        once(self._is_asking)
        once(lambda: self.display.press("Escape") or (self._still() and not self._is_asking()))

    def _still(self) -> Image.Image | None:
        """What is on the display, if that has not changed for long enough: too early a key counts for nothing, and has
        the browser ignore the next ones for as long again."""
        before = self.display.shown()
        time.sleep(UNATTENDED_SECONDS)
        return before if self.display.shown() == before else None

    def _is_asking(self) -> bool:
        return self.display.brightness() < DIMMED * self._brightness  # the rest lies in the dark

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = self._worker.evaluate("() => chrome.storage.session.get()")
        return told

    def _targets(self, kind: str) -> list[dict[str, Any]]:
        found = self._tools.send("Target.getTargets", {"filter": [{"type": kind}]})["targetInfos"]
        return [each for each in found if each["type"] == kind]


@contextmanager
def running_chromium(
    executable: str, extension: Path, folder: Path, display: Display, language: str = "en"
) -> Iterator[Chromium]:
    """Chromium on a display, with a new profile in a folder, and the extension that lies unpacked in another."""
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--remote-debugging-port=0",
        "--enable-unsafe-extension-debugging",
        f"--disable-extensions-except={extension}",
        f"--load-extension={extension}",
    ]
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder,
            executable_path=executable,
            headless=False,
            args=arguments,
            env={"DISPLAY": display.name, "LANGUAGE": language},
            timeout=HUNG_MILLISECONDS,
            no_viewport=True,
        )
        with ExitStack() as connections:
            yield Chromium(context, display, folder, connections)
        context.close()


class Sidebar:
    """Firefox's sidebar, asked through another page of the extension: the protocol knows of tabs only."""

    VIEW = "chrome.extension.getViews({ type: 'sidebar' })[0]"

    def __init__(self, beside: FirefoxPage) -> None:
        self._beside = beside

    def evaluate(self, function: str, argument: Any = None) -> Any:
        within = f"const window = {self.VIEW}; const {{ document, location }} = window; return ({function})(argument);"
        return self._beside.evaluate(f"(argument) => {{ {within} }}", argument)

    def goto(self, url: str) -> None:
        self.evaluate("(url) => { location.href = url; }", url)

    def close(self) -> None:
        pass


class ExtendedFirefox:
    """A running one."""

    def __init__(self, firefox: Firefox, extension: Path, display: Display) -> None:
        self.firefox = firefox
        self.display = display
        self._windows: set[str] = set()
        firefox.install(extension)
        self.beside = self.extension_page(BESIDE)

    def open(self, url: str) -> FirefoxPage:
        page = self.firefox.open(url)
        page.activate()
        return page

    def extension_page(self, path: str) -> FirefoxPage:
        return self.open(f"moz-extension://{GECKO_HOST}/{path}")

    def focus(self, tab: Tab) -> None:
        assert isinstance(tab, FirefoxPage)
        tab.activate()
        self.display.focus()

    def click_toolbar(self, tab: Tab) -> None:
        assert isinstance(tab, FirefoxPage)
        tab.activate()
        self.firefox.chrome("() => document.querySelector('[id^=ext-keyset-id] > key').doCommand()")

    def open_menu(self, tab: Tab, selector: str) -> None:
        assert isinstance(tab, FirefoxPage)
        tab.activate()
        place, corner = tab.evaluate(CENTRE, selector), tab.evaluate(CORNER)

        def is_open() -> bool:
            # Again where the page was not yet drawn.
            self.display.click(corner["x"] + place["x"], corner["y"] + place["y"], button=3)
            time.sleep(UNATTENDED_SECONDS)
            return bool(self.firefox.chrome("() => document.getElementById('contentAreaContextMenu').state === 'open'"))

        once(is_open)

    def lines_down(self) -> int:
        """Which line of the open menu is the extension's, counted from 1."""
        count = """() => {
            const menu = document.getElementById("contentAreaContextMenu");
            const lines = [...menu.querySelectorAll(":scope > :is(menuitem, menu):not([hidden])")];
            return 1 + lines.findIndex((each) => each.label?.includes("Countermark"));
        }"""
        return int(self.firefox.chrome(count))

    def choose_in_menu(self, on_a_picture: bool = True) -> None:
        choose = """() => {
            const menu = document.getElementById("contentAreaContextMenu");
            menu.activateItem(menu.querySelector("[label*=Countermark]"));
        }"""
        self.firefox.chrome(choose)

    def panel(self) -> Sidebar:
        once(lambda: self.beside.evaluate(f"() => {Sidebar.VIEW}?.document.readyState === 'complete'"))
        return Sidebar(self.beside)

    def pinch(self, scale: float) -> None:
        """Enlarges the page that is seen, as two fingers do."""
        script = f"data:,content.windowUtils.setResolutionAndScaleTo({scale})"
        load = "(script) => gBrowser.selectedBrowser.messageManager.loadFrameScript(script, false)"
        self.firefox.chrome(load, script)

    def click_in_panel(self, selector: str) -> None:
        self._windows = self.display.windows()
        place = self.panel().evaluate(CENTRE, selector)
        corner = self.panel().evaluate(CORNER)
        self.display.click(corner["x"] + place["x"], corner["y"] + place["y"])

    def allow(self) -> None:
        once(lambda: self.display.windows() - self._windows)
        self.display.press("alt+a")

    def refuse(self) -> None:
        once(lambda: self.display.windows() - self._windows)
        where = """() => {
            const no = document.querySelector(".popup-notification-secondary-button");
            const { width, height } = no.getBoundingClientRect();
            return { x: no.screenX + width / 2, y: no.screenY + height / 2 };
        }"""
        time.sleep(UNATTENDED_SECONDS)
        self.display.click(**self.firefox.chrome(where))  # the keys of that button are also the address bar's

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = self.beside.evaluate("() => chrome.storage.session.get()")
        return told


@contextmanager
def running_extended_firefox(
    executable: str, extension: Path, folder: Path, display: Display
) -> Iterator[ExtendedFirefox]:
    """Firefox on a display, with a new profile in a folder, and the extension, a folder or an archive."""
    hosts = json.dumps({GECKO_ID: GECKO_HOST})
    system = "--remote-allow-system-access"
    with running_firefox(
        executable, folder, system, display=display.name, extensions__webextensions__uuids=hosts
    ) as firefox:
        yield ExtendedFirefox(firefox, extension, display)
