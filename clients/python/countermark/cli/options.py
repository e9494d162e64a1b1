"""Options of several commands."""

import re
from pathlib import Path
from typing import Annotated

import typer

from countermark.cli import exits

_AGE = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}

API_KEY_VARIABLE = "COUNTERMARK_API_KEY"

Url = Annotated[str, typer.Option("--url", envvar="COUNTERMARK_URL", metavar="URL", help="The service's URL.")]
ApiKey = Annotated[
    str | None,
    typer.Option("--api-key", envvar=API_KEY_VARIABLE, metavar="KEY", help="Your publisher's key: cmk_…"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON.")]
AsJsonLines = Annotated[bool, typer.Option("--jsonl", help="Print one line of JSON per picture.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="Pictures.", show_default=False)]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        envvar="COUNTERMARK_POLICY",
        metavar="FILE",
        help="A C2SP tlog-policy: the logs and witnesses you trust, and the required quorum of cosignatures.",
    ),
]
MaxAge = Annotated[
    str | None,
    typer.Option(
        "--max-age",
        metavar="AGE",
        help="Maximum age of the newest required cosignature: seconds, or 15m, 24h, 7d.",
    ),
]


def seconds(age: str | None) -> float | None:
    """The seconds of --max-age; ends the command if it is malformed."""
    if age is None:
        return None
    match = _AGE.fullmatch(age)
    if match is None:
        exits.refuse("--max-age must be a whole number of seconds, or of minutes, hours or days, such as 15m, 24h, 7d")
    return float(int(match[1]) * _SECONDS[match[2]])
