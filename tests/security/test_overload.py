"""Overload falls on who causes it: a server that is asked for more than it can do, by one who does not care."""

import http.client
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.patience import HUNG_SECONDS
from tests.security.costly import many_scans
from tests.served import Served, served

pytestmark = pytest.mark.timing

EVIL, HONEST = "127.0.0.2", "127.0.0.3"


def picture(seed: int) -> bytes:
    file = io.BytesIO()
    shades = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(shades).resize((640, 480), Image.Resampling.BICUBIC).save(file, "JPEG")
    return file.getvalue()


def verify(server: Served, data: bytes, address: str) -> tuple[int, dict[str, str], str]:
    """The status, the header fields, and the slug of the problem, if it is one."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, HUNG_SECONDS, (address, 0))
    try:
        connection.request("POST", "/v1/verifications", data, {"Content-Type": "image/jpeg"})
        response = connection.getresponse()
        body = json.loads(response.read())
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, str(body.get("type", "")).rpartition(":")[2]
    finally:
        connection.close()


def test_a_small_file_that_costs_much_ends_with_its_budget_and_counts_for_what_it_cost(tmp_path: Path) -> None:
    costly = many_scans(7000, 1000)
    assert len(costly) < 300_000
    with served(tmp_path) as server:
        server.wait()
        status, headers, problem = verify(server, costly, EVIL)
        assert (status, problem) == (422, "media-too-costly")
        assert '"verifications";r=' in headers["ratelimit"]
        # Of nine seconds, which the kernel counts by its ticks, and the service by what ran; two units each.
        assert int(headers["ratelimit"].partition("r=")[2].partition(";")[0]) <= 60 - 14
        assert verify(server, picture(1), HONEST)[0] == 200
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
        (told,) = [line for line in lines if line.get("status") == 422]
        assert "Traceback" not in json.dumps(told)


def look_up(server: Served, address: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, HUNG_SECONDS, (address, 0))
    try:
        asked = json.dumps({"sha256": "0" * 64})
        connection.request("POST", "/v1/verifications", asked, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def test_every_digest_is_looked_up_beside_ninety_pictures_and_refusals_say_when_to_come_back(tmp_path: Path) -> None:
    costly = many_scans(3000, 100)
    with served(tmp_path) as server, ThreadPoolExecutor(90) as senders:
        server.wait()
        sent = [senders.submit(verify, server, costly, f"127.0.4.{number % 30 + 1}") for number in range(90)]
        assert [look_up(server, HONEST) for _ in range(140)] == [200] * 140
        told = [each.result() for each in sent]
        assert {status for status, _, _ in told} <= {200, 422, 429, 503}
        for status, headers, problem in told:
            if status in (429, 503):
                assert int(headers["retry-after"]) >= 1
                assert problem in ("rate-limited", "overloaded")
        assert verify(server, picture(2), HONEST)[0] == 200  # afterwards all is as before
        assert "Traceback" not in server.log.read_text()
