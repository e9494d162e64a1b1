"""The corpus of the benchmark, small: audited end to end by the command, killed twice, signed, and checked offline."""

import sys
from pathlib import Path

from bench.audit import SHARES, end_to_end, registered_corpus
from demo.service import UNBOUNDED, running_service

FILES = 20
BELONGS = {
    "exact": "identical",
    "recompressed": "same_picture",
    "edited": "differs",
    "stranger": "not_found",
    "odd": "could_not_check",
}


def test_every_file_is_where_it_belongs_though_the_audit_was_killed_twice(tmp_path: Path) -> None:
    with running_service(tmp_path / "data", **UNBOUNDED) as service:
        registered_corpus(tmp_path / "corpus", FILES, service)
        told = end_to_end([sys.executable, "-m", "countermark"], service, tmp_path)
    places = {kind: told[f"… {kind}"] for kind in BELONGS}
    assert places == {kind: f"{BELONGS[kind]} {round(share * FILES)}" for kind, share in SHARES.items()}
    assert told["… its report checked offline"] == "status 0"
    assert next(said for what, said in told.items() if "end to end" in what).endswith("status 3")  # odd files
