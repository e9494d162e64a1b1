"""The system's browsers in front of the running service, and what is registered there."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2
import pytest
from countermark import Client, RegisteredAsset
from PIL import Image, ImageOps, PngImagePlugin
from playwright.sync_api import Browser, Page, sync_playwright

from demo.alterations import PHOTOS
from demo.service import Service
from tests.e2e.pages.elsewhere import Elsewhere, elsewhere
from tests.e2e.pages.pictures import HOSTILE, PASTED, altered_picture, encode, framed
from tests.e2e.pages.reader import HUNG_MILLISECONDS, OpenPage, Tab
from tests.patience import eventually

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",  # of `elsewhere`; the service itself speaks http here
]
BROWSERS = {"chromium": "browser", "firefox": "firefox"}
"""By name: the marker of tests that drive it."""
BY_THE_BROWSER = ("Failed to load resource", "blocked by CORS policy")
"""What it writes itself when a request fails, whatever the page makes of that."""

MODULES_RUN = "() => Promise.all([...document.querySelectorAll('script[type=module]')].map(({ src }) => import(src)))"

NOTES_VIOLATIONS = """
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective + event.blockedURI));
"""


@dataclass
class Watched:
    """What went wrong in a page without anybody asking."""

    dialogs: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def altered() -> bytes:
    return encode(altered_picture(), "JPEG", quality=85)


@pytest.fixture(scope="session")
def stream(service: Service) -> RegisteredAsset:
    with Client(service.url, api_key=service.api_key) as client:
        return client.register(PHOTOS / "stream.jpg", title="A stream in the beech wood", credit="Aitzol Berasategi")


@pytest.fixture(scope="session")
def states(service: Service, stream: RegisteredAsset, altered: bytes) -> dict[str, bytes]:
    """Of each verdict that a reader may get a picture."""
    whole = Image.open(PHOTOS / "stream.jpg").convert("RGB")
    width, height = whole.size
    with Client(service.url, api_key=service.api_key) as client:
        signed = client.register(PHOTOS / "coffee.png", title="A cup of coffee")
        client.register(PHOTOS / "mountains.jpg", title="Path below the Picos")
        rocket = client.register(PHOTOS / "rocket.jpg", title="A rocket at dawn")
        client.withdraw(rocket.id, "The date was wrong.")
        client.register(PHOTOS / "two-dogs.jpg", title="Two dogs at a window")
    taken_over = Image.open(PHOTOS / "two-dogs.jpg").convert("RGB")
    left, top, right, bottom = (round(edge * side) for edge, side in zip(PASTED, taken_over.size * 2, strict=True))
    taken_over.paste(whole.resize((right - left, bottom - top)), (left, top))
    cut = taken_over.crop((0, 0, round(0.88 * taken_over.width), taken_over.height))
    changed = encode(cut, "JPEG", quality=90)
    with Client(service.url, api_key=service.enrol("echo", "The Test Echo")) as echo:
        later = f"{service.url}/v1/assets/{echo.register(changed, title='One dog at a window').id}"
    eventually(lambda: httpx2.get(later).json()["resembles"]["state"] == "made")
    two = Image.new("RGB", (1400, 520), "white")
    two.paste(whole.resize((680, 453)), (10, 30))
    two.paste(Image.open(PHOTOS / "mountains.jpg").convert("RGB").resize((680, 453)), (710, 30))
    mark = PngImagePlugin.PngInfo()
    mark.add_text("parameters", "a meadow\nSteps: 20, Sampler: Euler a, Seed: 1")
    unknown = Image.open(PHOTOS / "dandelions.jpg").convert("RGB")
    return {
        "edited": altered,
        "framed": framed(),
        "cropped": encode(whole.crop((width // 6, height // 6, width, height)), "JPEG", quality=88),
        "recoloured": encode(ImageOps.grayscale(whole).convert("RGB"), "JPEG", quality=88),
        "two in one": encode(two, "JPEG", quality=90),
        "unknown": encode(unknown, "JPEG", quality=88),
        "signed": httpx2.get(f"{service.url}/v1/assets/{signed.id}/credentialed").content,
        "marked": encode(unknown, "PNG", pnginfo=mark),
        "damaged": (PHOTOS / "stream.jpg").read_bytes()[:3000],
        "identical": (PHOTOS / "stream.jpg").read_bytes(),
        "withdrawn": (PHOTOS / "rocket.jpg").read_bytes(),
        "older": changed,
    }


@pytest.fixture(scope="session")
def five(service: Service, states: dict[str, bytes]) -> bytes:
    """A picture that leads to five registrations: the one of the states, and four more."""
    assert states
    picture = Image.open(PHOTOS / "coffee.png").convert("RGB")
    picture.thumbnail((900, 900))
    with Client(service.url, api_key=service.api_key) as client:
        for quality in (70, 76, 82, 88):
            file = io.BytesIO(encode(picture, "JPEG", quality=quality))
            client.register(file.getvalue(), title=f"A cup of coffee, edition {quality}")
    return encode(picture, "JPEG", quality=60)


@pytest.fixture(scope="session")
def hostile(service: Service) -> RegisteredAsset:
    """The astronaut, registered by a publisher whose every text is an attack."""
    answer = httpx2.post(
        f"{service.url}/v1/publishers",
        json={"id": "hostile", "name": HOSTILE},
        headers={"Authorization": f"Bearer {service.api_key}"},
    )
    assert answer.status_code == 201, answer.text
    with Client(service.url, api_key=service.api_key) as client:
        asset = client.register(
            PHOTOS / "astronaut.jpg",
            title=HOSTILE,
            caption=HOSTILE,
            credit=HOSTILE,
            licence=HOSTILE,
            publisher="hostile",
        )
        client.withdraw(asset.id, HOSTILE)
    return asset


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS, timeout=HUNG_MILLISECONDS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def other_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    with elsewhere(tmp_path_factory.mktemp("elsewhere"), (PHOTOS / "stream.jpg").read_bytes()) as site:
        yield site


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def open_page(browser: Browser, service: Service, watched: Watched) -> Iterator[OpenPage]:
    """Opens a page of the service. In the end the browser has no complaint, and nobody was asked for anything."""
    contexts = []

    def open_page(path: str, **options: object) -> Page:
        context = browser.new_context(base_url=service.url, **options)
        contexts.append(context)
        context.add_init_script(NOTES_VIOLATIONS)
        page = context.new_page()
        page.set_default_timeout(HUNG_MILLISECONDS)
        page.on("dialog", lambda dialog: (watched.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                said.type == "error"
                and not any(each in said.text for each in BY_THE_BROWSER)
                and watched.complaints.append(said.text)
            ),
        )
        page.goto(path)
        if options.get("java_script_enabled", True):
            page.evaluate(MODULES_RUN)  # "load" does not wait for modules that wait for others
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            watched.complaints.extend(page.evaluate("window.violations"))
        context.close()
    assert watched == Watched()


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=getattr(pytest.mark, mark)) for name, mark in BROWSERS.items()]
)
def tab(request: pytest.FixtureRequest) -> Iterator[Tab]:
    """One that all tests of a file share, in each browser in turn."""
    if request.param == "firefox":
        opened: Tab = request.getfixturevalue("firefox").open("about:blank")
    else:
        opened = request.getfixturevalue("browser").new_page()
    yield opened
    opened.close()
