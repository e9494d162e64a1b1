"""What a user does on a page of the news, and what comes of it."""

import base64
from typing import Any

from tests.e2e.extension.browsers import ExtendedBrowser, once
from tests.e2e.extension.sites import encoded, photo
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
        const reader = new FileReader();
        const read = new Promise((resolve) => { reader.onload = resolve; });
        reader.readAsDataURL(blob);
        await read;
        return { how, host, sha256, size: `${width} × ${height}`, data: reader.result.replace(/.*,/, "") };
    } catch (error) {
        if (!(error instanceof pictures.PictureError)) throw error;
        return { reason: error.reason, host: error.host, pattern: error.pattern };
    }
}"""


def listed(extended: ExtendedBrowser, page: Tab) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a click on the toolbar lets choose from: the `choose` that the panel is told, and the pictures."""
    before = extended.told().get("choose")
    extended.click_toolbar(page)
    choose = once(lambda: (told := extended.told().get("choose")) != before and told)
    return choose, extended.beside.evaluate(LIST, choose["tabId"])


def clicked(extended: ExtendedBrowser, page: Tab, selector: str | None, what: str = "click") -> dict[str, Any]:
    """What the panel is told after the menu's line on an element, or after the toolbar's button."""
    before = extended.told().get(what)
    if selector is None:
        extended.click_toolbar(page)
    else:
        extended.open_menu(page, selector)
        extended.choose_in_menu(on_a_picture=what == "click")
    told: dict[str, Any] = once(lambda: (told := extended.told().get(what)) != before and told)
    return told


def newest(extended: ExtendedBrowser) -> dict[str, Any]:
    """What the panel was told last."""
    told = [each for name, each in extended.told().items() if name in ("click", "choose")]
    return max(told, key=lambda each: each["number"], default={})


def had(extended: ExtendedBrowser, click: dict[str, Any], call: str = "picture") -> dict[str, Any]:
    """How its bytes are had, with `data`, or the reason why they are not."""
    found: dict[str, Any] = extended.beside.evaluate(HAD, [call, click])
    if "data" in found:
        found["data"] = base64.b64decode(found["data"])
    return found
