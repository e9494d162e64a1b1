"""The system's Firefox, driven by WebDriver BiDi (W3C Working Draft), which it speaks itself on a loopback port.

    with running_firefox(find_firefox(), folder) as firefox:
        page = firefox.open("http://127.0.0.1:8000/")
        page.evaluate("(name) => document.querySelector(name).textContent", "h1")

A page is asked as Playwright's is: a function in JavaScript and one argument, both ways as JSON.
"""

import itertools
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.patience import HUNG_SECONDS, eventually

PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}
"""Of a profile that asks nobody for anything."""

KEYS = {
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Escape": "\ue00c",
    "Space": " ",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
}
"""Keys without a character, as WebDriver has them (section 17.4.2)."""

_ENDED_SECONDS = HUNG_SECONDS / 10
_AS_JSON = "async (argument) => JSON.stringify((await ({function})(JSON.parse(argument))) ?? null)"


class FirefoxError(Exception):
    """What Firefox, or the page, answered instead of a result."""


class Firefox:
    """A running browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    def command(self, method: str, **parameters: Any) -> Any:
        """The result of a command of the protocol; what happens meanwhile is added to `events`.

        Raises:
            FirefoxError: it was refused.
        """
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=HUNG_SECONDS))
            if message.get("id") == number:
                break
            self.events.append(message)
        if message["type"] == "error":
            raise FirefoxError(f"{method}: {message['error']}: {message['message']}")
        return message["result"]

    def chrome(self, function: str, argument: Any = None) -> Any:
        """What a function gives in the browser's own window, whose document has toolbars, menus and the sidebar.

        The browser was started with `--remote-allow-system-access`.
        """
        window = self.command("browsingContext.getTree", **{"moz:scope": "chrome"})["contexts"][0]["context"]
        return FirefoxPage(self, window).evaluate(function, argument)

    def open(self, url: str) -> "FirefoxPage":
        """A tab with the page, once it has loaded, subresources and all."""
        context = self.command("browsingContext.create", type="tab")["context"]
        page = FirefoxPage(self, context)
        page.goto(url)
        return page

    def install(self, extension: Path) -> str:
        """Installs an extension, a folder or a zip, until the browser ends; nobody has to have signed it. Its id."""
        kind = "path" if extension.is_dir() else "archivePath"
        return str(
            self.command("webExtension.install", extensionData={"type": kind, "path": str(extension)})["extension"]
        )

    def uninstall(self, extension: str) -> None:
        self.command("webExtension.uninstall", extension=extension)

    @property
    def complaints(self) -> list[str]:
        """The errors of all pages so far: exceptions nobody caught, and what they wrote to the console as an error."""
        self.command("session.status")  # events come in order, before the answer
        entries = [each["params"] for each in self.events if each.get("method") == "log.entryAdded"]
        return [str(entry["text"]) for entry in entries if entry["level"] == "error"]


class FirefoxPage:
    """A tab."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self._firefox = firefox
        self._context = context

    def goto(self, url: str) -> None:
        self._firefox.command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, function: str, argument: Any = None) -> Any:
        """What a function of the page gives, or its promise.

        Raises:
            FirefoxError: it threw.
        """
        answer = self._call(_AS_JSON.replace("{function}", function), {"type": "string", "value": json.dumps(argument)})
        return json.loads(answer["value"])

    def resize(self, width: int, height: int) -> None:
        """Makes the page as large as this, in CSS pixels."""
        viewport = {"width": width, "height": height}
        self._firefox.command("browsingContext.setViewport", context=self._context, viewport=viewport)

    def set_input_files(self, selector: str, files: Sequence[Path]) -> None:
        """Chooses files for the `input` that a selector finds."""
        found = self._call("(selector) => document.querySelector(selector)", {"type": "string", "value": selector})
        self._firefox.command(
            "input.setFiles",
            context=self._context,
            element={"sharedId": found["sharedId"]},
            files=[str(file) for file in files],
        )

    def activate(self) -> None:
        """Makes it the tab that is seen."""
        self._firefox.command("browsingContext.activate", context=self._context)

    def click(self, x: float, y: float, button: int = 0) -> None:
        """Clicks at a place of what is seen of the page, in CSS pixels; button 2 is the right one."""
        pressed = [{"type": "pointerDown", "button": button}, {"type": "pointerUp", "button": button}]
        actions = [{"type": "pointerMove", "x": round(x), "y": round(y)}, *pressed]
        mouse = {"type": "pointer", "id": "mouse", "actions": actions}
        self._firefox.command("input.performActions", context=self._context, actions=[mouse])

    def press(self, *keys: str) -> None:
        """Presses keys one after the other: characters, or those of `KEYS` by their names."""
        pressed = [KEYS.get(key, key) for key in keys]
        actions = [{"type": kind, "value": key} for key in pressed for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        self._firefox.command("input.performActions", context=self._context, actions=[keyboard])

    def close(self) -> None:
        self._firefox.command("browsingContext.close", context=self._context)

    def _call(self, function: str, *arguments: dict[str, Any]) -> Any:
        answer = self._firefox.command(
            "script.callFunction",
            functionDeclaration=function,
            arguments=list(arguments),
            awaitPromise=True,
            target={"context": self._context},
        )
        if answer["type"] == "exception":
            raise FirefoxError(answer["exceptionDetails"]["text"])
        return answer["result"]


@contextmanager
def running_firefox(
    executable: str, folder: Path, *options: str, display: str | None = None, **preferences: Any
) -> Iterator[Firefox]:
    """Firefox with a new profile in `folder`, which it also takes for its user's home, and with these options.

    It has no window, or one on a display of X. `preferences` are by their names, with `__` for dots.
    """
    profile = folder / "profile"
    profile.mkdir()
    preferred = PREFERENCES | {name.replace("__", "."): value for name, value in preferences.items()}
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferred.items())
    (profile / "user.js").write_text("".join(lines))
    command = [executable, "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0", *options]
    environment = os.environ | {"HOME": str(folder), "TMPDIR": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"}
    environment |= {"DISPLAY": display} if display else {"MOZ_HEADLESS": "1"}
    with (folder / "log").open("w") as log:
        browser = subprocess.Popen([*command, "about:blank"], env=environment, stdout=log, stderr=log)
        try:
            with _connected(browser, profile / "WebDriverBiDiServer.json") as connection:
                firefox = Firefox(connection)
                firefox.command("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
                firefox.command("session.subscribe", events=["log.entryAdded"])
                yield firefox
        finally:
            browser.terminate()
            try:
                browser.wait(_ENDED_SECONDS)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()


def _connected(browser: subprocess.Popen[bytes], announced: Path) -> ClientConnection:
    """A connection to the browser, once it has announced where it listens."""

    def listens() -> bool:
        assert browser.poll() is None, f"Firefox ended: see {announced.parent.parent / 'log'}"
        return announced.exists() and announced.read_text().endswith("}")

    eventually(listens)
    where = json.loads(announced.read_text())
    return connect(f"ws://{where['ws_host']}:{where['ws_port']}/session", max_size=None, open_timeout=HUNG_SECONDS)
