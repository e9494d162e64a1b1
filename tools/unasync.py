"""Generate `client.py` from `async_client.py`, as httpcore does: what awaits, waits.

`--check` only compares, and exits with 1 where the committed file is not what the source says.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "clients/python/countermark/async_client.py"
TARGET = SOURCE.with_name("client.py")

NOTICE = "# Generated from async_client.py by tools/unasync.py: change that, and run this.\n"
REPLACEMENTS = (  # in this order
    (r"from a program that does other things meanwhile", "from a program that waits for each answer"),
    (r", for asyncio\.", "."),
    (r"await asyncio\.to_thread\(([\w.]+)(?:, )?", r"\1("),
    (r"\(await (.+)\)(?=\.)", r"\1"),  # of an attribute of what was awaited
    (r"\basyncio\b", "time"),
    (r"\b(async|await) ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\b__a(?=enter__|exit__)", "__"),
    (r"\ba(?=close|iter_bytes)", ""),
)
TIDY = ("check --quiet --exit-zero --fix --unsafe-fixes --select I,UP028", "format --quiet")


def generate() -> str:
    """The synchronous client, in the form that `ruff` gives code."""
    text = SOURCE.read_text()
    for pattern, replacement in REPLACEMENTS:
        text = re.sub(pattern, replacement, text)
    text = NOTICE + text
    for command in TIDY:
        ruff = [sys.executable, "-m", "ruff", *command.split(), "--stdin-filename", str(TARGET), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout  # noqa: S603
    return text


def main() -> None:
    """Write it, or compare it."""
    generated = generate()
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(generated)
    elif TARGET.read_text() != generated:
        sys.exit(f"{TARGET.name} is not what {SOURCE.name} says: run `python {Path(__file__).relative_to(ROOT)}`.")


if __name__ == "__main__":
    main()
