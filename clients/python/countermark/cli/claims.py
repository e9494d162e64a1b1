"""What a publisher states of pictures, as options of the commands that register."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

if TYPE_CHECKING:
    from countermark.claims import Claims

_OPTIONS: dict[str, tuple[Any, object]] = {
    "title": (Annotated[str | None, typer.Option(metavar="TEXT", help="Title; for one picture at a time.")], None),
    "caption": (Annotated[str | None, typer.Option(metavar="TEXT", help="Caption; for one picture at a time.")], None),
    "byline": (Annotated[str | None, typer.Option(metavar="TEXT", help="Who made the picture.")], None),
    "credit": (Annotated[str | None, typer.Option(metavar="TEXT", help="Credit line.")], None),
    "rights": (Annotated[str | None, typer.Option(metavar="TEXT", help="Rights notice, as of copyright.")], None),
    "licence": (Annotated[str | None, typer.Option(metavar="TEXT", help="Licence, as its name or URL.")], None),
    "source_type": (
        Annotated[str | None, typer.Option(metavar="TERM", help="IPTC digital source type, such as digitalCapture.")],
        None,
    ),
    "created": (
        Annotated[bool, typer.Option("--created", help="You created it, in the way of --source-type.")],
        False,
    ),
    "credential": (
        Annotated[Literal["embedded", "sidecar", "none"], typer.Option(help="The C2PA credential to make.")],
        "embedded",
    ),
    "publisher": (
        Annotated[
            str | None, typer.Option(metavar="ID", help="Yours, with --key; another, with an administrator's API key.")
        ],
        None,
    ),
    "sealed": (
        Annotated[bool, typer.Option("--sealed", help="Keep the record secret until it is revealed.")],
        False,
    ),
    "publish_metadata": (
        Annotated[
            bool,
            typer.Option("--publish-metadata", help="Keep places, names and serial numbers in the public copy."),
        ],
        False,
    ),
    "no_from_file": (
        Annotated[
            bool,
            typer.Option(
                "--no-from-file", help="Claim nothing that the file says of itself, only what is stated here."
            ),
        ],
        False,
    ),
}
"""By the name of the parameter: its option, and its default."""


def states_claims(*, of_one: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """For a command with a parameter `claims`: the options for them take its place.

    `of_one`: title and caption, which are for one picture, are among them.
    """
    options = {name: _OPTIONS[name] for name in _OPTIONS if of_one or name not in ("title", "caption")}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            command(claims=_stated(**{name: given.pop(name) for name in options}), **given)

        parameters: list[inspect.Parameter] = []
        for each in inspect.signature(command).parameters.values():
            parameters += (
                [each]
                if each.name != "claims"
                else [
                    inspect.Parameter(name, each.kind, default=default, annotation=option)
                    for name, (option, default) in options.items()
                ]
            )
        run.__signature__ = inspect.Signature(parameters, return_annotation=None)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def _stated(*, source_type: str | None, created: bool, sealed: bool, no_from_file: bool, **same: Any) -> "Claims":
    """The claims that say something."""
    claims = {
        **same,
        "digital_source_type": source_type,
        "created": created or None,
        "visibility": "sealed" if sealed else None,
        "publish_metadata": same["publish_metadata"] or None,
        "metadata_from_file": not no_from_file or None,
    }
    return cast("Claims", {name: value for name, value in claims.items() if value is not None})
