"""Which pictures of a page are found, and how their bytes are had."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.extension.browsers import ExtendedBrowser, once
from tests.e2e.extension.sites import Sites, encoded, photo, sha256
from tests.e2e.pages.reader import Tab

PHOTO = encoded(photo("stream.jpg", 1200), quality=88)
SMALL = encoded(photo("stream.jpg", 300), quality=80)
OTHER = encoded(photo("astronaut.jpg", 500), quality=88)
SPACER = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
LIST = """async (tabId) => {
    const { listPictures } = await import(`${location.origin}/pictures.js`);
    return listPictures(tabId);
}"""
HAD = """async ([call, click]) => {
    const pictures = await import(`${location.origin}/pictures.js`);
    try {
        const { blob, how, host } = await pictures[call](click);
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
        const { width, height } = await createImageBitmap(blob);
        const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
        return { how, host, sha256, size: `${width} × ${height}` };
    } catch (error) {
        if (!(error instanceof pictures.PictureError)) throw error;
        return { reason: error.reason, host: error.host, pattern: error.pattern };
    }
}"""

PAGES: dict[str, tuple[str, str]] = {
    "img": ("img", "<img src=HERE/photo.jpg width=300>"),
    "srcset": (
        "img",
        "<img src=HERE/small.jpg srcset='HERE/small.jpg 300w, HERE/photo.jpg 1200w' sizes=300px width=300>",
    ),
    "picture": (
        "img",
        "<picture><source media='(min-width: 1px)' srcset='HERE/small.jpg, HERE/photo.jpg 4x'>"
        "<img src=HERE/other.jpg width=300></picture>",
    ),
    "lazy": ("img", f"<img src='{SPACER}' data-src=HERE/photo.jpg width=300 height=200>"),
    "lazy, by a set": ("img", f"<img src='{SPACER}' data-srcset='HERE/small.jpg 1x, HERE/photo.jpg 3x' width=300>"),
    "not loaded yet": (
        "img",
        "<p style='height: 9000px'></p><img loading=lazy src=HERE/photo.jpg width=300 height=99>",
    ),
    "background": ("background", "<div style='background: url(HERE/photo.jpg); width: 300px; height: 200px'></div>"),
    "background in sizes": (
        "background",
        "<p style='background: image-set(url(HERE/small.jpg) 1x, url(HERE/photo.jpg) 4x); height: 99px'></p>",
    ),
    "before an element": (
        "background",
        "<p><style>@scope { :scope::before { content: ''; background: url(HERE/photo.jpg) } }</style>Text</p>",
    ),
    "in SVG": ("img", "<svg width=300 height=200><image href=HERE/photo.jpg width=300 height=200 /></svg>"),
    "button": ("img", "<input type=image src=HERE/photo.jpg width=300>"),
    "shadow tree": (
        "img",
        "<div></div><script>document.currentScript.previousElementSibling.attachShadow({ mode: 'closed' })"
        ".innerHTML = '<p><img src=HERE/photo.jpg width=300>'</script>",
    ),
    "frame": ("img", "<iframe width=400 height=300 srcdoc='<img src=HERE/photo.jpg width=300>'></iframe>"),
}
"""By what they have: the kind of the picture, and the page; HERE is the folder that its pictures are in."""

FOREIGN = ("cdn", "/closed")
FOLDERS = (("news", "/closed"), ("cdn", "/open"), FOREIGN)
"""Where pictures lie: on the page's own site, on another that lets it read them, and on another that does not."""


def listed(extended: ExtendedBrowser, page: Tab) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a click on the toolbar lets choose from: the `choose` that the panel is told, and the pictures."""
    before = extended.told().get("choose")
    extended.click_toolbar(page)
    choose = once(lambda: (told := extended.told().get("choose")) != before and told)
    return choose, extended.beside.evaluate(LIST, choose["tabId"])


def clicked(extended: ExtendedBrowser, page: Tab, selector: str, what: str = "click") -> dict[str, Any]:
    """What the panel is told after the menu's line on an element."""
    before = extended.told().get(what)
    extended.open_menu(page, selector)
    extended.choose_in_menu()
    told: dict[str, Any] = once(lambda: (told := extended.told().get(what)) != before and told)
    return told


def had(extended: ExtendedBrowser, click: dict[str, Any], call: str = "picture") -> dict[str, Any]:
    found: dict[str, Any] = extended.beside.evaluate(HAD, [call, click])
    return found


@pytest.fixture
def show(extended: ExtendedBrowser, sites: Sites) -> Callable[..., Tab]:
    """Opens a page of the news."""
    sites.files |= {"photo.jpg": PHOTO, "small.jpg": SMALL, "other.jpg": OTHER}
    opened: list[Tab] = []

    def show(page: str, path: str = "/") -> Tab:
        sites.pages[path] = "<!doctype html><title>News</title>" + page
        opened.append(extended.open(sites.at("news", path)))
        return opened[-1]

    yield show
    for page in opened:
        page.close()


@pytest.mark.parametrize("kind", PAGES)
def test_each_kind_of_picture_is_had_as_far_as_its_site_lets(
    extended: ExtendedBrowser, sites: Sites, show: Callable[..., Tab], kind: str
) -> None:
    choose, pictures = listed(extended, show("".join(PAGES[kind][1].replace("HERE", sites.at(*at)) for at in FOLDERS)))
    for host, folder in FOLDERS:
        expected = sites.at(host, f"{folder}/photo.jpg")
        [found] = [each for each in pictures if each["source"] == expected]
        assert found["kind"] == PAGES[kind][0]
        where = f"{host}.localhost:{sites.port}"
        answer = had(extended, choose | found)
        if (host, folder) == FOREIGN:
            assert answer == {"reason": "needs-origin", "host": where, "pattern": "http://cdn.localhost/*"}
        else:
            assert answer == {"how": "page", "host": where, "sha256": sha256(PHOTO), "size": "1200 × 800"}
