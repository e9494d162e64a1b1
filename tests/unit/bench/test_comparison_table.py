"""The table of the documentation is that of the calibration which the verdicts take their figures from."""

import json

from bench.comparison_table import BEGIN, CALIBRATION, DOCUMENT, END, table


def test_the_documented_rates_are_those_of_the_calibration() -> None:
    shown = DOCUMENT.read_text("utf-8").split(BEGIN)[1].split(END)[0].strip()
    assert shown == table(json.loads(CALIBRATION.read_text("utf-8"))).strip()
