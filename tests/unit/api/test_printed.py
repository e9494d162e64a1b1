"""What commands print of what strangers have written."""

from pathlib import Path

import pytest
import typer

from api.cli.printed import print_findings
from registry.usecases.maintenance import fsck
from tests.unit.registry.newsroom import Newsroom


def test_what_a_stranger_wrote_does_not_reach_the_terminal_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Newsroom(tmp_path / "data") as newsroom:
        newsroom.found().register("harbour").result()
        newsroom.tamper("UPDATE record SET type = char(27) || '[31mred' || char(8238) WHERE \"index\" = 2")
        found = list(fsck.check(newsroom.store, newsroom.blobs, newsroom.sequencer.key))
    with pytest.raises(typer.Exit):
        print_findings(found, as_json=False)
    shown, counted = capsys.readouterr()
    assert counted == f"{len(found)} findings\n"
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert "[31mred" in shown
