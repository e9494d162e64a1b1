"""The verify page in Firefox: it checks the receipt itself, remembers the log, and shows who checked what."""

import pytest
from countermark import RegisteredAsset

from demo.alterations import PHOTOS
from demo.service import Service
from tests.e2e.firefox import Firefox
from tests.patience import eventually

pytestmark = pytest.mark.firefox

STREAM = PHOTOS / "stream.jpg"
SAID = "() => document.querySelector('#checked-here')?.textContent ?? ''"
STEPS = """() => [...document.querySelector("#proof table").querySelectorAll("tbody tr")].map(
    (row) => [...row.querySelectorAll("th, td")].map((cell) => cell.textContent.trim()))"""


def test_the_browser_checks_the_receipt_itself_and_remembers_the_log(
    firefox: Firefox, service: Service, stream: RegisteredAsset
) -> None:
    page = firefox.open(f"{service.url}/verify")
    page.set_input_files("#file", [STREAM])
    eventually(lambda: "This browser checked the receipt of the closest match itself." in page.evaluate(SAID))
    assert "It remembers the log's key and size from now on." in page.evaluate(SAID)
    steps = page.evaluate(STEPS)
    assert [row[0] for row in steps] == [str(number) for number in range(1, 12)]
    assert {row[3] for row in steps[:8]} == {"this browser"}
    assert steps[9][2:4] == ["not checked", "nobody"]  # the time stamp
    page.goto(f"{service.url}/verify")
    page.set_input_files("#file", [STREAM])
    eventually(lambda: "the log has only grown since" in page.evaluate(SAID))
    assert firefox.complaints == []
    page.close()
