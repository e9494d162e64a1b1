"""Options that several commands have: which service, how to answer, and whom to trust."""

import re
from pathlib import Path
from typing import Annotated

import typer

from countermark.cli import exits

_AGE = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}

Url = Annotated[str, typer.Option("--url", envvar="COUNTERMARK_URL", metavar="URL", help="The service's address.")]
ApiKey = Annotated[
    str | None,
    typer.Option("--api-key", envvar="COUNTERMARK_API_KEY", metavar="KEY", help="Needed to register."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON.")]
AsJsonLines = Annotated[bool, typer.Option("--jsonl", help="Print one line of JSON a picture.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="Pictures.", show_default=False)]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        envvar="COUNTERMARK_POLICY",
        metavar="FILE",
        help="A C2SP tlog-policy: logs and witnesses you trust, and how many of which have to have cosigned.",
    ),
]
MaxAge = Annotated[
    str | None,
    typer.Option(
        "--max-age",
        metavar="AGE",
        help="How old the newest cosignature may be that you ask for: seconds, or 15m, 24h, 7d.",
    ),
]


def seconds(age: str | None) -> float | None:
    """What --max-age says; ends the command where it says nothing that can be meant."""
    if age is None:
        return None
    match = _AGE.fullmatch(age)
    if match is None:
        exits.refuse("--max-age is a whole number of seconds, or of minutes, hours or days, as 15m, 24h, 7d")
    return float(int(match[1]) * _SECONDS[match[2]])
