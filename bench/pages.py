"""`python -m bench.pages`: what a reader of the verify page waits for, from choosing a file to the headline.

Pictures 1,280 pixels wide, sent by Chromium to a service of six registrations: an altered copy, a file as it was
registered, and a picture of nobody's. The page takes both times itself: as the file is chosen, and as the headline is
there. Each round asks for all three in turn; of an altered copy and a stranger's picture the bytes are new each time.
"""

import argparse
import io
import os
import secrets
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from countermark import Client
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from bench.extension import SENT_WIDTH, altered_copy, figures
from demo.alterations import PHOTOS
from demo.cases import REGISTERED
from demo.service import UNBOUNDED, running_service
from tests.conftest import find_chromium
from tests.e2e.pages.conftest import ARGUMENTS

HEADLINE_MS = 1000
WATCH = """() => {
    window.taken = null;
    let begun;
    const begin = () => { begun = performance.now(); };
    document.querySelector("#file").addEventListener("change", begin, { capture: true, once: true });
    new MutationObserver((_, watching) => {
        if (begun === undefined || document.querySelector("#result").hidden) return;
        window.taken = performance.now() - begun;
        watching.disconnect();
    }).observe(document.querySelector("#result"), { attributes: true });
}"""
TAKEN = "() => window.taken"


def sent_wide(name: str) -> bytes:
    """A bundled photograph as wide as others pass pictures on."""
    picture = Image.open(PHOTOS / name).convert("RGB")
    file = io.BytesIO()
    picture.resize((SENT_WIDTH, round(SENT_WIDTH * picture.height / picture.width))).save(file, "JPEG", quality=85)
    return file.getvalue()


def sent(page: Page, data: bytes) -> float:
    """Milliseconds from choosing a file to the headline."""
    page.goto("/verify", wait_until="networkidle")
    page.evaluate(WATCH)
    page.set_input_files("#file", {"name": "picture.jpg", "mimeType": "image/jpeg", "buffer": data})
    return float(page.wait_for_function(TAKEN).json_value())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="whose median is printed, after a first one")
    rounds = parser.parse_args().rounds
    registered = sent_wide("mountains.jpg")
    edited, unknown = altered_copy(), sent_wide("dandelions.jpg")
    asked: dict[str, Callable[[], bytes]] = {
        "an altered copy": lambda: edited + secrets.token_bytes(8),
        "a file as it was registered": lambda: registered,
        "a picture of nobody's": lambda: unknown + secrets.token_bytes(8),
    }
    chromium = find_chromium()
    assert chromium, "make browsers"
    with (
        tempfile.TemporaryDirectory(prefix="countermark-bench-") as scratch,
        running_service(Path(scratch) / "data", **UNBOUNDED) as service,
        Client(service.url, api_key=service.api_key) as client,
        sync_playwright() as playwright,
    ):
        client.register(registered, title="measured")
        for photograph in REGISTERED[1:]:
            client.register(photograph.path, title=photograph.title)
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(base_url=service.url)
        taken: dict[str, list[float]] = {what: [] for what in asked}
        for _ in range(rounds + 1):
            for what, data in asked.items():
                taken[what].append(sent(page, data()))
        browser.close()
    for what, each in taken.items():
        sys.stdout.write(f"{figures(what, each, HEADLINE_MS)}\n")
    sys.stdout.write("load of the machine, over a minute: {:.1f}\n".format(*os.getloadavg()))


if __name__ == "__main__":
    main()
