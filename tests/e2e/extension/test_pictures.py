"""Which pictures of a page are found, and how their bytes are had."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provenance.media.fingerprints import fingerprint
from provenance.media.media import Media
from tests.e2e.extension.asking import PHOTO, SPACER, clicked, had, listed, newest
from tests.e2e.extension.browsers import ExtendedBrowser, ExtendedFirefox, once
from tests.e2e.extension.sites import Sites, encoded, photo, sha256, stated_as
from tests.e2e.pages.pictures import HOSTILE, SHOWN
from tests.e2e.pages.reader import Tab
from tests.hamming import hamming

Show = Callable[..., Tab]
SAME_BITS = 31
"""Of PDQ's 256: a search goes as far."""

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
        "<style>[title='HERE']::before { content: ''; background: url(HERE/photo.jpg) }</style><p title=HERE>Text",
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


@pytest.mark.parametrize("kind", PAGES)
def test_each_kind_of_picture_is_had_as_far_as_its_site_lets(
    extended: ExtendedBrowser, sites: Sites, show: Show, kind: str
) -> None:
    choose, pictures = listed(extended, show("".join(PAGES[kind][1].replace("HERE", sites.at(*at)) for at in FOLDERS)))
    for host, folder in FOLDERS:
        expected = sites.at(host, f"{folder}/photo.jpg")
        [found] = [each for each in pictures if each["source"] == expected]
        assert found["kind"] == PAGES[kind][0]
        where = f"{host}.localhost:{sites.port}"
        answer = had(extended, choose | found)
        answer.pop("data", None)
        if (host, folder) == FOREIGN:
            assert answer == {"reason": "needs-origin", "host": where, "pattern": "http://cdn.localhost/*"}
        else:
            assert answer == {"how": "page", "host": where, "sha256": sha256(PHOTO), "size": "1200 × 799"}


def shows(data: bytes, expected: bytes) -> bool:
    one, other = (fingerprint(Media.from_bytes(each)) for each in (data, expected))
    return hamming(one.pdq, other.pdq) <= SAME_BITS


def test_the_menu_asks_for_the_largest_version_of_a_picture(
    extended: ExtendedBrowser, sites: Sites, show: Show
) -> None:
    page = show(PAGES["srcset"][1].replace("HERE", sites.at("cdn", "/open")))
    click = clicked(extended, page, "img")
    assert click["source"] == sites.at("cdn", "/open/photo.jpg")
    assert click["shown"] == sites.at("cdn", "/open/small.jpg")
    assert click["pageOrigin"] == sites.at("news", "")
    assert had(extended, click)["sha256"] == sha256(PHOTO)


def test_a_picture_in_a_link_needs_no_more_clicks(extended: ExtendedBrowser, sites: Sites, show: Show) -> None:
    page = show("<a href=/elsewhere><img src=/closed/photo.jpg width=300 height=200></a>")
    assert clicked(extended, page, "img")["source"] == sites.at("news", "/closed/photo.jpg")


def test_the_menu_of_a_background_leads_to_it_or_to_a_choice(
    extended: ExtendedBrowser, sites: Sites, show: Show
) -> None:
    page = show(PAGES["background"][1].replace("HERE", sites.at("news", "/closed")))
    if isinstance(extended, ExtendedFirefox):
        assert clicked(extended, page, "div")["source"] == sites.at("news", "/closed/photo.jpg")
    else:  # Chromium does not tell where the menu was opened
        assert clicked(extended, page, "div", "choose")["tabId"]


def test_a_picture_that_is_opened_alone_needs_no_choice(extended: ExtendedBrowser, sites: Sites, show: Show) -> None:
    page = show("")
    page.goto(sites.at("cdn", "/closed/photo.jpg"))
    click = clicked(extended, page, None)
    assert (click["kind"], click["source"]) == ("document", sites.at("cdn", "/closed/photo.jpg"))
    assert had(extended, click)["sha256"] == sha256(PHOTO)


MADE = """
    <img id=blob width=300><img id=revoked width=300><img id=data width=300><canvas width=600 height=400></canvas>
    <script type=module>
        const blob = await (await fetch("/closed/photo.jpg")).blob();
        const put = (id, src) => new Promise((onload) => Object.assign(document.getElementById(id), { src, onload }));
        await put("blob", URL.createObjectURL(blob));
        const url = URL.createObjectURL(blob);
        await put("revoked", url);
        URL.revokeObjectURL(url);
        const reader = new FileReader();
        reader.readAsDataURL(blob);
        await new Promise((done) => { reader.onload = done; });
        await put("data", reader.result);
        document.querySelector("canvas").getContext("2d").drawImage(document.getElementById("blob"), 0, 0, 600, 400);
        document.title = "Made";
    </script>"""


def test_pictures_that_a_page_makes_are_had_from_it(extended: ExtendedBrowser, show: Show) -> None:
    page = show(MADE)
    once(lambda: page.evaluate("() => document.title === 'Made'"))
    choose, pictures = listed(extended, page)
    blob, revoked, data, canvas = sorted(pictures, key=lambda each: each["element"])
    for exact in (blob, data):
        answer = had(extended, choose | exact)
        assert (answer["how"], answer["sha256"]) == ("page", sha256(PHOTO))
    for copied, size in ((revoked, "1200 × 799"), (canvas, "600 × 400")):
        answer = had(extended, choose | copied)
        assert (answer["how"], answer["size"]) == ("drawn", size)
        assert shows(answer["data"], PHOTO)


def test_the_screen_shows_what_no_site_lets_be_read(extended: ExtendedBrowser, sites: Sites, show: Show) -> None:
    far = f"<p style='height: 3000px'></p><img src={sites.at('cdn', '/closed/photo.jpg')} width=300 height=200>"
    page = show(far + "<p style='height: 3000px'></p>")
    page.evaluate("() => scrollTo(0, 2900)")
    click = clicked(extended, page, "img")
    page.evaluate("() => scrollTo(0, 40)")
    assert had(extended, click)["reason"] == "needs-origin"
    answer = had(extended, click, "screenshot")
    assert (answer["how"], answer["size"]) == ("screen", "300 × 200")
    assert shows(answer["data"], PHOTO)
    assert page.evaluate("() => scrollY") == 40


def at_rest(extended: ExtendedBrowser, click: dict[str, Any]) -> dict[str, Any]:
    """What the screen shows of a picture, once its page, which was just enlarged, moves no more."""

    def had_at_rest() -> dict[str, Any] | None:
        answer = had(extended, click, "screenshot")
        return None if answer.get("reason") == "changed" else answer

    answer: dict[str, Any] = once(had_at_rest)
    return answer


def zoomed(extended: ExtendedBrowser, page: Tab, tab: int, zoom: float) -> None:
    """Shows a page this large."""
    extended.beside.evaluate("([tab, zoom]) => chrome.tabs.setZoom(tab, zoom)", [tab, zoom])
    once(lambda: page.evaluate("() => devicePixelRatio") == zoom)


@pytest.mark.parametrize("zoom", [0.5, 1.5, 2])
def test_the_screen_is_cut_to_the_picture_however_large_its_page_is_shown(
    extended: ExtendedBrowser, sites: Sites, show: Show, zoom: float
) -> None:
    far = f"<p style='height: 900px'></p><img src={sites.at('cdn', '/closed/photo.jpg')} width=300 height=200>"
    page = show(f"<body style='margin: 40px; background: black'>{far}<p style='height: 3000px'></p>")
    page.evaluate("() => scrollTo(0, 800)")
    click = clicked(extended, page, "img")
    zoomed(extended, page, click["tabId"], zoom)
    answer = at_rest(extended, click)
    zoomed(extended, page, click["tabId"], 1)
    assert answer.get("reason") is None
    width, height = (int(side) for side in answer["size"].split(" × "))
    assert abs(width - 300 * zoom) <= 2
    assert abs(height - 200 * zoom) <= 2
    assert shows(answer["data"], PHOTO)


@pytest.mark.parametrize("scale", [2, 3])
def test_the_screen_is_cut_to_the_picture_where_fingers_have_enlarged_the_page(
    extended: ExtendedBrowser, sites: Sites, show: Show, scale: float
) -> None:
    img = f"<img src={sites.at('cdn', '/closed/photo.jpg')} width=180 height=120 style='margin: 300px 500px'>"
    page = show(f"<body style='background: black'>{img}")
    click = clicked(extended, page, "img")
    drawn = scale
    if isinstance(extended, ExtendedFirefox):
        extended.pinch(scale)
        drawn = 1  # it gives the page to extensions as it was before
    else:
        page.context.new_cdp_session(page).send("Emulation.setPageScaleFactor", {"pageScaleFactor": scale})  # type: ignore[attr-defined]
    once(lambda: page.evaluate("() => visualViewport.scale") == scale)
    answer = at_rest(extended, click)
    assert answer.get("reason") is None
    width, height = (int(side) for side in answer["size"].split(" × "))
    assert abs(width - 180 * drawn) <= 2
    assert abs(height - 120 * drawn) <= 2
    assert shows(answer["data"], PHOTO)


def test_a_picture_in_a_frame_of_another_site_is_asked_for_by_its_own(
    extended: ExtendedBrowser, sites: Sites, show: Show
) -> None:
    sites.pages["/frame"] = "<!doctype html><body style='margin: 0'><img src=/closed/photo.jpg width=300 height=200>"
    page = show(f"<iframe src={sites.at('ads', '/frame')} width=300 height=200></iframe>")
    once(lambda: any(path == "/closed/photo.jpg" for _, path, _ in sites.asked))
    click = clicked(extended, page, "iframe")
    assert click["source"] == sites.at("ads", "/closed/photo.jpg")
    answer = had(extended, click)
    assert (answer["reason"], answer["pattern"]) == ("needs-origin", "http://ads.localhost/*")
    assert had(extended, click, "screenshot")["reason"] == "closed"  # as nobody tells where it is


def test_what_the_browser_lets_no_extension_see_is_named(extended: ExtendedBrowser, show: Show, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    page = show("")
    closed = "about:logo" if isinstance(extended, ExtendedFirefox) else (tmp_path / "photo.jpg").as_uri()
    page.goto(closed)
    before = newest(extended)
    extended.click_toolbar(page)
    told = once(lambda: (told := newest(extended)) != before and told)
    asked = {"source": closed, "shown": closed, "kind": "document", "width": 0, "height": 0, "frameId": 0}
    assert had(extended, told | asked)["reason"] == "closed"


def test_a_tainted_canvas_is_had_from_the_screen_alone(extended: ExtendedBrowser, sites: Sites, show: Show) -> None:
    page = show(
        f"<canvas width=300 height=200></canvas><img hidden src={sites.at('cdn', '/closed/photo.jpg')}>"
        "<script>const image = document.querySelector('img'); image.onload = () => {"
        "document.querySelector('canvas').getContext('2d').drawImage(image, 0, 0, 300, 200); document.title = 'Drawn' }"
        "</script>"
    )
    once(lambda: page.evaluate("() => document.title === 'Drawn'"))
    choose, pictures = listed(extended, page)
    [canvas] = [each for each in pictures if each["kind"] == "canvas"]
    assert had(extended, choose | canvas)["reason"] == "tainted"
    assert shows(had(extended, choose | canvas, "screenshot")["data"], PHOTO)


def test_what_changes_or_goes_under_the_click_is_named(extended: ExtendedBrowser, sites: Sites, show: Show) -> None:
    page = show(f"<img src={sites.at('cdn', '/closed/photo.jpg')} width=300 height=200>")
    click = clicked(extended, page, "img")
    page.evaluate("() => { document.querySelector('img').src = '/closed/other.jpg'; }")
    assert had(extended, click, "screenshot")["reason"] == "changed"
    page.evaluate("() => document.querySelector('img').remove()")
    assert had(extended, click, "screenshot")["reason"] == "gone"
    page.goto("about:blank")
    assert had(extended, click, "screenshot")["reason"] in ("gone", "closed")


def test_a_page_that_lies_of_its_larger_version_is_not_believed(
    extended: ExtendedBrowser, sites: Sites, show: Show
) -> None:
    here = sites.at("news", "/closed")
    page = show(
        f"<img src={here}/small.jpg srcset='{here}/small.jpg 300w, {here}/other.jpg 1200w' sizes=300px width=300>"
    )
    click = clicked(extended, page, "img")
    assert click["source"].endswith("other.jpg")
    assert shows(had(extended, click)["data"], PHOTO)


def test_what_only_covers_a_picture_is_not_taken_for_it(extended: ExtendedBrowser, sites: Sites, show: Show) -> None:
    place = "style='position: absolute; left: 0; top: 0; width: 300px; height: 200px'"
    page = show(f"<img {place} src={sites.at('news', '/closed/photo.jpg')}><img {place} id=cover src='{SPACER}'>")
    assert clicked(extended, page, "#cover")["source"] == sites.at("news", "/closed/photo.jpg")


CLOBBERING = """
    <form><input name=getAttribute><input name=parentNode><input name=closest><input name=scrollTo>
    <img src=HERE width=300 height=200 name=querySelectorAll></form>
    <img id=countermark name=contentType><img name=baseURI><img name=elementsFromPoint><img id=readPicture>
    <script>Element.prototype.getBoundingClientRect = () => { throw 1 }; window.fetch = () => { throw 2 };</script>"""


def test_names_and_scripts_of_a_page_do_not_stand_in_for_the_browser_s(
    extended: ExtendedBrowser, sites: Sites, show: Show
) -> None:
    choose, pictures = listed(extended, show(CLOBBERING.replace("HERE", sites.at("news", "/closed/photo.jpg"))))
    assert pictures[0]["source"] == sites.at("news", "/closed/photo.jpg")
    assert had(extended, choose | pictures[0])["sha256"] == sha256(PHOTO)
    assert had(extended, choose | pictures[0], "screenshot")["how"] == "screen"


REFUSED = {
    "huge.jpg": (stated_as(PHOTO, 20_000, 10_000), "too-large"),  # 200 megapixels
    "dot.png": (encoded(photo("stream.jpg", 1).resize((1, 1)), "PNG"), "too-small"),
    "text.jpg": (b"<!doctype html><p>No picture", "not-a-picture"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg' width='300' height='200'/>", "drawing"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_checked_is_refused_by_name(
    extended: ExtendedBrowser, sites: Sites, show: Show, name: str
) -> None:
    data, reason = REFUSED[name]
    sites.files[name] = data
    click = clicked(extended, show(f"<img src=/closed/{name} style='width: 300px; height: 200px'>"), "img")
    assert had(extended, click)["reason"] == reason


def test_a_background_of_200_megapixels_is_refused_by_its_header(
    extended: ExtendedBrowser, sites: Sites, show: Show
) -> None:
    """The page tells how large its element is, and not how large the picture."""
    sites.files["huge.jpg"], reason = REFUSED["huge.jpg"]
    page = show("<div style='background: url(/closed/huge.jpg); width: 300px; height: 200px'></div>")
    choose, [picture] = listed(extended, page)
    assert had(extended, choose | picture)["reason"] == reason


def test_no_other_tab_is_cut_from_the_screen(extended: ExtendedBrowser, sites: Sites, show: Show) -> None:
    click = clicked(extended, show("<img src=/closed/photo.jpg width=300 height=200>"), "img")
    show("<img src=/closed/other.jpg width=300 height=200>", "/other")
    assert had(extended, click, "screenshot")["reason"] == "not-in-view"


HANGING = """() => {
    const request = new XMLHttpRequest();
    request.open("GET", "/stalled", false);
    setTimeout(() => request.send());
}"""
AT_ONCE = """() => {
    const usual = window.setTimeout;
    window.setTimeout = (act, _, ...args) => {
        window.setTimeout = usual;
        return usual(act, 0, ...args);
    };
}"""
"""Whatever is waited for next is too slow."""


def test_a_page_that_hangs_is_not_waited_for_for_ever(extended: ExtendedBrowser, sites: Sites, show: Show) -> None:
    page = show(f"<img src={sites.at('cdn', '/open/photo.jpg')} width=300 height=200>")
    click = clicked(extended, page, "img")
    page.evaluate(HANGING)
    once(lambda: any(path == "/stalled" for _, path, _ in sites.asked))
    extended.beside.evaluate(AT_ONCE)
    answer = had(extended, click)
    sites.going_on.set()
    assert (answer["how"], answer["sha256"]) == ("page", sha256(PHOTO))  # as everybody may read it
    assert "null" in [headers.get("origin") for _, path, headers in sites.asked if path == "/open/photo.jpg"]


def test_the_choice_shows_what_the_page_may_draw_and_asks_nobody_for_it(
    extended: ExtendedBrowser, sites: Sites, show: Show
) -> None:
    page = show(
        f"<img src=/closed/other.jpg width=300 alt='{HOSTILE}'><canvas width=900 height=600></canvas>"
        f"<img src={sites.at('cdn', '/closed/photo.jpg')} width=200>"
    )
    once(lambda: page.evaluate("() => [...document.images].every((each) => each.naturalWidth)"))
    before = len(sites.asked)
    listed(extended, page)
    panel = extended.panel()
    once(lambda: panel.evaluate("() => document.querySelectorAll('.choice .thumbnail img').length === 2"))
    drawn = "() => [...document.querySelectorAll('.choice li')].map((each) => each.querySelector('img') !== null)"
    assert panel.evaluate(drawn) == [False, True, True]  # by their sizes; the largest is another site's
    assert SHOWN in panel.evaluate("() => document.querySelector('.choice').innerText")
    assert panel.evaluate("() => document.querySelectorAll('img[src=x], [onerror]').length") == 0
    assert len(sites.asked) == before


def test_no_cookie_and_no_referrer_is_sent_for_a_picture(extended: ExtendedBrowser, sites: Sites, show: Show) -> None:
    page = show("<img src=/members/photo.jpg width=300 height=200>")
    once(lambda: page.evaluate("() => document.querySelector('img').naturalWidth"))
    click = clicked(extended, page, "img")
    assert had(extended, click)["reason"] == "network"
    by_the_page, *by_the_extension = [headers for _, path, headers in sites.asked if path == "/members/photo.jpg"]
    assert {"cookie", "referer"} <= set(by_the_page)
    assert by_the_extension
    assert not any({"cookie", "referer"} & set(headers) for headers in by_the_extension)


def test_nothing_is_done_on_a_page_before_the_click(extended: ExtendedBrowser, sites: Sites, show: Show) -> None:
    sites.policy = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
    page = show("<img src=/closed/photo.jpg width=300 height=200>")
    names = page.evaluate("() => Object.getOwnPropertyNames(globalThis).length")
    requested = [path for _, path, _ in sites.asked if path != "/favicon.ico"]
    assert requested == ["/", "/closed/photo.jpg"]
    click = clicked(extended, page, "img")
    answer = had(extended, click)
    if isinstance(extended, ExtendedFirefox):  # which holds what is beside the page to the page's own policy
        assert answer["reason"] == "needs-origin"
    else:
        assert answer["sha256"] == sha256(PHOTO)
    assert page.evaluate("() => Object.getOwnPropertyNames(globalThis).length") == names
    assert page.evaluate("() => [typeof countermark, typeof readPicture]") == ["undefined", "undefined"]
