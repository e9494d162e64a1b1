"""What `make check` says of the licences of what is installed."""

from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from tools.licences import refused


def installed(folder: Path, name: str, *lines: str) -> Distribution:
    path = folder / f"{name}-1.0.dist-info"
    path.mkdir()
    (path / "METADATA").write_text("\n".join(("Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *lines, "")))
    return PathDistribution(path)


@pytest.mark.parametrize(
    "line",
    [
        "License-Expression: MIT AND (BSD-3-Clause OR GPL-2.0-only)",
        "License-Expression: MIT AND GPL-3.0-or-later",
        "License-Expression: LGPL-3.0-only",
        "License: GNU GPL v3 with an MIT part",
        "License: Proprietary",
        "Classifier: License :: OSI Approved :: GNU Affero General Public License v3",
        "Summary: says nothing of a licence",
    ],
)
def test_a_licence_outside_the_list_is_refused_by_name(tmp_path: Path, line: str) -> None:
    assert [each.partition(":")[0] for each in refused([installed(tmp_path, "stranger", line)])] == ["stranger"]


@pytest.mark.parametrize(
    "line",
    [
        "License-Expression: GPL-2.0-only OR MIT",
        "License-Expression: Apache-2.0 WITH LLVM-exception",
        "License: BSD 2-Clause License",
        "License: MIT License, as in the file",
        "Classifier: License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
    ],
)
def test_a_licence_of_the_list_is_taken(tmp_path: Path, line: str) -> None:
    assert refused([installed(tmp_path, "friend", line)]) == []


def test_the_exception_is_of_one_licence(tmp_path: Path) -> None:
    assert refused([installed(tmp_path, "psycopg", "License-Expression: LGPL-3.0-only")]) == []
    assert refused([installed(tmp_path, "psycopg-binary", "License-Expression: AGPL-3.0-only")])


def test_an_expression_counts_before_what_is_said_beside_it(tmp_path: Path) -> None:
    lines = ("License-Expression: GPL-3.0-only", "Classifier: License :: OSI Approved :: MIT License")
    assert refused([installed(tmp_path, "stranger", *lines)]) == ["stranger: GPL-3.0-only"]
