"""`countermark watch`: a hot folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli import output
from countermark.cli.claims import states_claims
from countermark.cli.options import ApiKey, AsJsonLines, Url
from countermark.cli.own_key import OwnKeyFile, signer_of
from countermark.cli.register import need_key
from countermark.defaults import DEFAULT_URL
from countermark.interruptible import InterruptibleRunner
from provenance.errors import CountermarkError, Exit, StoreUnavailable

if TYPE_CHECKING:
    from countermark.claims import Claims
    from countermark.newsroom import Landed, WatchOptions

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The hot folder.", show_default=False)]
Settle = Annotated[float, typer.Option(min=0.0, metavar="SECONDS", help="For which a file must not change.")]
InFlight = Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Registrations at a time.")]
Once = Annotated[bool, typer.Option("--once", help="End when every picture that is there has been dealt with.")]


@states_claims(of_one=False)
def watch(
    folder: Folder,
    claims: "Claims",
    url: Url = DEFAULT_URL,
    api_key: ApiKey = None,
    key: OwnKeyFile = None,
    settle: Settle = 3.0,
    in_flight: InFlight = 4,
    once: Once = False,
    as_json_lines: AsJsonLines = False,
) -> None:
    """Register what lands in a folder: it moves to done/ with its signed copy and receipt, or to failed/ with a reason.

    Example: countermark watch incoming/ --credit "The Daily"

    Ctrl-C ends it; what was not done stays in the folder. Needs countermark[watch].
    """
    from countermark.newsroom import WatchOptions

    options = WatchOptions(
        url.rstrip("/"), need_key(api_key), claims, settle, in_flight, once, signer=signer_of(key, claims)
    )
    status = Exit.SATISFIED
    try:
        with InterruptibleRunner() as runner:
            status = runner.run(_watch(folder, options, as_json_lines))
    except KeyboardInterrupt:
        pass  # Ctrl-C ends watching
    except CountermarkError as error:
        output.explain(error)
        raise typer.Exit(Exit.INCOMPLETE if isinstance(error, StoreUnavailable) else error.exit_status) from error
    raise typer.Exit(status)


async def _watch(folder: Path, options: "WatchOptions", as_json_lines: bool) -> Exit:
    from countermark.newsroom import watch_folder

    status = Exit.SATISFIED
    if not options.once:
        output.note(f"watching {folder}: pictures move to done/ or failed/")
    async for landed in watch_folder(folder, options, output.note):
        status = max(status, Exit.SATISFIED if landed.reason is None else Exit.FINDINGS)
        _show(landed, as_json_lines)
    return status


def _show(landed: "Landed", as_json_line: bool) -> None:
    if as_json_line:
        values = {"record": landed.record, "index": landed.index, "reason": landed.reason}
        output.show_json_line({"file": landed.path, **values})
    elif landed.reason is None:
        output.show_line(f"Registered: {landed.path} [record {landed.index}]")
    else:
        output.show_line(f"Failed: {landed.path} ({landed.reason})")
