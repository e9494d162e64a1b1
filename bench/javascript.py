"""`python -m bench.javascript`: what `clients/js` takes in Node.js and in browsers, beside Python in the same run.

A receipt of three entries, read and checked whole; SHA-256 and PDQ of a JPEG of twelve megapixels, beyond the time that
the decoder itself takes, and for how long at most the page stood still meanwhile.
"""

import argparse
import base64
import hashlib
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table

from bench.pictures import twelve_megapixels
from provenance.media.media import Media
from provenance.media.pdq import pdq
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.transparency.note import VerifierKey
from tests.conftest import find_chromium, find_firefox
from tests.e2e.firefox import running_firefox
from tests.receipt_vectors import RECEIPT, REGISTERED

ROOT = Path(__file__).resolve().parents[1]
RECEIPT_MS, PICTURE_MS = 50, 400

CHECK = """async ({ modules, receipt, key, rounds }) => {
    const { VerifierKey, verifyReceipt } = await import(`${modules}/index.js`);
    const bytes = Uint8Array.from(atob(receipt), (character) => character.charCodeAt(0));
    const trustedKeys = [await VerifierKey.parse(key)];
    const times = [];
    for (let round = 0; round < rounds; round += 1) {
        const start = performance.now();
        if (!(await verifyReceipt(bytes, { trustedKeys })).holds) throw new Error("the receipt does not hold");
        times.push(performance.now() - start);
    }
    return times;
}"""
LOOK = """async ({ modules, rounds }) => {
    const { fingerprint } = await import(`${modules}/fingerprint.js`);
    const file = await (await fetch("/picture.jpg")).blob();
    const times = [];
    for (let round = 0; round < rounds; round += 1) {
        const start = performance.now();
        (await createImageBitmap(file, { colorSpaceConversion: "none" })).close();
        const decoded = performance.now();
        let [last, stood, looking] = [decoded, 0, true];
        const watch = () => {
            const now = performance.now();
            stood = Math.max(stood, now - last);
            last = now;
            if (looking) setTimeout(watch);
        };
        watch();
        await fingerprint(file);
        looking = false;
        times.push([decoded - start, performance.now() - decoded, stood]);
    }
    return times;
}"""

Evaluate = Callable[[str, dict[str, Any]], Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.javascript", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="of a receipt; a twelfth of that of a picture")
    rounds: int = parser.parse_args().rounds
    table = Table(title=f"milliseconds, median of {rounds} rounds (pictures: {_few(rounds)})")
    for column in ("what", "where", "measured", "Python", "ratio", "aim"):
        table.add_column(column, justify="left" if column in ("what", "where") else "right")
    with tempfile.TemporaryDirectory(prefix="countermark-javascript-") as scratch:
        site = Path(scratch) / "site"
        shutil.copytree(ROOT / "clients/js/src", site / "modules")
        (site / "picture.jpg").write_bytes(twelve_megapixels())
        python = {CHECK: _receipts(rounds), LOOK: _pictures((site / "picture.jpg").read_bytes(), _few(rounds))}
        with _serving(site) as url:
            for name, evaluate in _runtimes(Path(scratch), url):
                for what, script, measured, aim in _measured(name, evaluate, rounds):
                    ratio = f"{measured / python[script]:.1f}"
                    table.add_row(what, name, f"{measured:.1f}", f"{python[script]:.1f}", ratio, str(aim))
    Console().print(table)


def _few(rounds: int) -> int:
    return max(3, rounds // 12)


def _measured(name: str, evaluate: Evaluate, rounds: int) -> Iterator[tuple[str, str, float, int]]:
    modules = (ROOT / "clients/js/src").as_uri() if name == "Node.js" else "/modules"
    case = REGISTERED
    asked = {
        "modules": modules,
        "receipt": base64.b64encode(RECEIPT).decode(),
        "key": case["trusted_keys"][0],
        "rounds": rounds,
    }
    times = evaluate(CHECK, asked)
    yield "a receipt of three entries", CHECK, statistics.median(times), RECEIPT_MS
    if name != "Node.js":
        looks = evaluate(LOOK, {"modules": modules, "rounds": _few(rounds)})
        beyond = statistics.median(whole - decoded for decoded, whole, _ in looks)
        yield "SHA-256 and PDQ of 12 megapixels, beyond decoding", LOOK, beyond, PICTURE_MS
        stood = max(each for _, _, each in looks)
        decoding = statistics.median(decoded for decoded, _, _ in looks)
        Console(stderr=True).print(
            f"{name}: decoding {decoding:.0f} ms; the page stood still for {stood:.0f} ms at most"
        )


def _runtimes(scratch: Path, url: str) -> Iterator[tuple[str, Evaluate]]:
    if node := shutil.which("node"):
        yield "Node.js", partial(_in_node, node)
    if chromium := find_chromium():
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            page.goto(url)
            yield "Chromium", page.evaluate
            browser.close()
    if executable := find_firefox():
        (scratch / "firefox").mkdir()
        with running_firefox(executable, scratch / "firefox") as firefox:
            yield "Firefox", firefox.open(url).evaluate


def _in_node(node: str, function: str, argument: dict[str, Any]) -> Any:
    script = f"console.log(JSON.stringify(await ({function})({json.dumps(argument)})))"
    done = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _receipts(rounds: int) -> float:
    trusted = [VerifierKey.parse(REGISTERED["trusted_keys"][0])]

    def check() -> None:
        assert verify_receipt(Receipt.parse(RECEIPT), trusted_keys=trusted).holds

    return statistics.median(_timed(check) for _ in range(rounds))


def _pictures(data: bytes, rounds: int) -> float:
    """SHA-256, shrinking and PDQ, of pixels that are decoded already."""

    def look() -> float:
        media = Media.from_bytes(data)
        media.pixels  # noqa: B018
        return _timed(lambda: (hashlib.sha256(data).digest(), pdq(media.canonical)))

    return statistics.median(look() for _ in range(rounds))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    main()
