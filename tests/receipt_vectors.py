"""The receipts of tests/vectors, good and hostile."""

import base64
import json
from pathlib import Path
from typing import Any

from provenance.receipts.receipt import Receipt

_FILE = Path(__file__).parent / "vectors" / "transparency" / "receipts.json"
VECTORS: dict[str, Any] = json.loads(_FILE.read_text())
CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in VECTORS["cases"]}
REGISTERED = CASES["pinned, with the registered bytes"]


def receipt_of(case: dict[str, Any]) -> bytes:
    data = base64.b64decode(VECTORS["bases"][case["receipt"]["base"]])
    for at, remove, insert in case["receipt"]["edits"]:
        data = data[:at] + base64.b64decode(insert) + data[at + remove :]
    return data


RECEIPT = receipt_of(REGISTERED)
RECORD = Receipt.parse(RECEIPT).subject.parsed_statement.record_id.hex()
"""The record that `RECEIPT` is for."""
