"""Takes the screenshot for the README: the verify page with an altered copy (`make picture`)."""

import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from countermark import Client
from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from demo import alterations  # noqa: E402  (the demonstration is no installed package)
from demo.cases import REGISTERED  # noqa: E402
from demo.service import running_service  # noqa: E402

TARGET = ROOT / "docs" / "images" / "verify.png"


def main() -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with (
        tempfile.TemporaryDirectory(prefix="countermark-docs-") as scratch,
        running_service(Path(scratch) / "data") as service,
        Client(service.url, api_key=service.api_key) as client,
    ):
        for photograph in REGISTERED:
            client.register(photograph.path, title=photograph.title, credit=photograph.credit)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(base_url=service.url, viewport={"width": 1120, "height": 1180})
            page.goto("/verify")
            page.set_input_files(
                "#file",
                {"name": "copy.jpg", "mimeType": "image/jpeg", "buffer": alterations.copy_with_pasted_object()},
            )
            page.locator("#headline").wait_for()
            page.wait_for_load_state("networkidle")
            TARGET.parent.mkdir(parents=True, exist_ok=True)
            shown = Image.open(BytesIO(page.screenshot()))
            shown.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(TARGET, optimize=True)
            browser.close()


if __name__ == "__main__":
    main()
