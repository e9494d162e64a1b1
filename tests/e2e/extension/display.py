"""A display of X that nobody sees, with a keyboard, for the menus and questions that are no page's."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageGrab, ImageStat

SIZE = (1280, 960)


@dataclass(frozen=True)
class Display:
    """`name` as programs take it (":99")."""

    name: str

    def press(self, *keys: str) -> None:
        """Presses keys one after the other, by their names in X ("Down", "Return", "alt+shift+m")."""
        subprocess.run(["xdotool", "key", "--delay", "150", *keys], env=os.environ | {"DISPLAY": self.name}, check=True)

    def click(self, x: float, y: float, button: int = 1) -> None:
        """Clicks there with the left button; 3 is the right one."""
        click = ["xdotool", "mousemove", str(round(x)), str(round(y)), "click", str(button)]
        subprocess.run(click, env=os.environ | {"DISPLAY": self.name}, check=True)

    def focus(self) -> None:
        """Has keys go to what is open: there is no manager of windows that would."""
        for window in self.windows():
            focus = ["xdotool", "windowfocus", window]
            subprocess.run(focus, env=os.environ | {"DISPLAY": self.name}, stderr=subprocess.DEVNULL, check=False)

    def windows(self) -> set[str]:
        """The numbers of what is open on it: an open menu is a window."""
        search = ["xdotool", "search", "--onlyvisible", "--maxdepth", "1", "--name", ".*"]
        found = subprocess.run(search, env=os.environ | {"DISPLAY": self.name}, stdout=subprocess.PIPE, check=True)
        return set(found.stdout.decode().split())

    def brightness(self) -> float:
        """Of all that is on it, from 0 to 255."""
        return float(ImageStat.Stat(self.shown().convert("L")).mean[0])

    def shown(self) -> Image.Image:
        """All that is on it."""
        return ImageGrab.grab(xdisplay=self.name)


@contextmanager
def virtual_display() -> Iterator[Display]:
    """One that nobody else has."""
    reading, writing = os.pipe()
    screen = "{}x{}x24".format(*SIZE)
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", screen, "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as announced:
            number = announced.readline().strip()
        assert number, "Xvfb did not start"
        yield Display(f":{number}")
    finally:
        server.terminate()
        server.wait()
