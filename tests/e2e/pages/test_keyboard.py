"""The keyboard alone, in both browsers: each link, button and field of each page is reached in the order in which it
stands, has a name, and shows that it has the focus; and no barrier that axe finds."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from countermark import RegisteredAsset

from demo.alterations import PHOTOS
from demo.service import Service
from tests.composites import composite
from tests.e2e.pages.reader import Tab
from tests.patience import eventually

CHECKED_HERE = "() => [...document.querySelectorAll('#checked-here')].every((each) => each.textContent)"
"""Whether this browser has checked the receipt, if there is one: it shows the steps anew then."""

LISTEN = """() => {
    const there = [...document.querySelectorAll("a[href], button, input, textarea, summary, [tabindex='0']")]
        .filter((each) => each.checkVisibility() && (each.type !== "radio" || each.checked));
    const named = (each) => each.getAttribute("aria-label")
        || document.getElementById(each.getAttribute("aria-labelledby"))?.textContent
        || each.labels?.[0]?.textContent || each.textContent || each.querySelector("img")?.alt || "";
    const outlined = (each) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(each);
        return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    };
    window.reached = [];
    document.addEventListener("focusin", ({ target }) => reached.push({
        at: there.indexOf(target),
        what: target.outerHTML.slice(0, 120),
        seen: outlined(target) || outlined(target.nextElementSibling ?? target),
    }));
    there[0].focus();
    return there.map((each) => named(each).trim().replace(/\\s+/g, " "));
}"""
"""The names of all that the Tab key is to reach, in order; notes from then on what it does reach."""

AXE = (
    "async () => { "
    + AXE_SCRIPT
    + "; return (await axe.run()).violations.map(({ id, nodes }) => [id, nodes[0].html]); }"
)


class Keyed(Tab, Protocol):
    """A tab that takes keys and files."""

    def set_input_files(self, selector: str, files: Sequence[Path]) -> Any: ...


Press = Callable[[str, int], None]


@pytest.fixture
def press(tab: Any) -> Press:
    """Presses a key so often, whatever the browser."""
    if hasattr(tab, "keyboard"):

        def pressed(key: str, times: int) -> None:
            for _ in range(times):
                tab.keyboard.press(key)

        return pressed
    tab.activate()
    return lambda key, times: tab.press(*[key] * times)


def opened(tab: Tab, address: str) -> None:
    """Opens a page, until its modules have run."""
    tab.goto(address)
    tab.evaluate(
        "() => Promise.all([...document.querySelectorAll('script[type=module]')].map((one) => import(one.src)))"
    )


def handed_in(tab: Keyed, url: str, files: Sequence[Path], there: str) -> None:
    opened(tab, f"{url}/verify")
    tab.set_input_files("#file", files)
    eventually(lambda: tab.evaluate("(there) => document.querySelector(there) !== null", there))
    eventually(lambda: tab.evaluate(CHECKED_HERE))
    tab.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")


def walked(tab: Tab, press: Press) -> list[str]:
    """The names of what the Tab key reaches, from the first to the last."""
    names: list[str] = tab.evaluate(LISTEN)
    press("Tab", len(names) - 1)
    reached = tab.evaluate("() => reached")
    strays = [each["what"] for at, each in enumerate(reached) if each["at"] != at][:1]
    assert (strays, len(reached)) == ([], len(names))
    assert all(names), names
    unseen = [names[each["at"]] for each in reached if not each["seen"]]
    assert unseen == [], "the focus is seen"
    return names


def test_every_page_is_walked_through(tab: Keyed, press: Press, service: Service, stream: RegisteredAsset) -> None:
    paths = ("/", "/verify", "/log", "/reference", f"/a/{stream.id}", "/a/none", f"/publishers/{stream.publisher.id}")
    for path in paths:
        opened(tab, f"{service.url}{path}")
        names = walked(tab, press)
        assert names[:4] == ["Skip to the content", "Countermark", "Verify a picture", "Log"], path
        assert names[-1] == "API", path
        assert tab.evaluate(AXE) == [], path


def test_each_state_of_the_verify_page_is_walked_through_and_has_no_barrier(
    tab: Keyed, press: Press, service: Service, states: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "collage").write_bytes(composite())
    for state, picture in states.items():
        (tmp_path / state).write_bytes(picture)
    handed_in(tab, service.url, [tmp_path / "empty"], "#problem h2")
    walked(tab, press)
    for state in (*states, "collage"):
        handed_in(tab, service.url, [tmp_path / state], "#headline, #problem h2")
        names = walked(tab, press)
        if state == "edited":
            looked = names[names.index("Zoom out") :]
            assert looked[:5] == ["Zoom out", "Zoom in", "Show all", "Side by side", "Close look"]
            assert "Region 1" in looked
        assert tab.evaluate(AXE) == [], state
    handed_in(tab, service.url, [tmp_path / "edited", tmp_path / "identical"], ".files button")
    names = walked(tab, press)
    assert "Compare the two with each other" in names
    assert tab.evaluate(AXE) == []


def test_pictures_are_zoomed_moved_and_turned_by_keys_alone(
    tab: Keyed, press: Press, service: Service, stream: RegisteredAsset
) -> None:
    handed_in(tab, service.url, [PHOTOS / "stream.jpg"], ".stage")
    tab.evaluate("() => document.querySelector('.stage').focus()")
    press("+", 3)
    place = (
        "() => ['--zoom', '--top'].map((name) => Number(document.querySelector('.pane').style.getPropertyValue(name)))"
    )
    zoom, top = tab.evaluate(place)
    assert zoom > 3
    press("ArrowDown", 1)
    assert tab.evaluate(place)[1] > top
    tab.evaluate("() => document.querySelector('input[value=slider]').focus()")
    press(" ", 1)
    press("ArrowRight", 1)
    assert tab.evaluate("() => document.querySelector('input[value=blink]').checked")
    press("Tab", 1)
    assert tab.evaluate("() => document.activeElement.matches('.stage')")
