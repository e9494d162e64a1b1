"""The SBOM says what the lock pins: no more, no less, and from nowhere else."""

import json
import re
from pathlib import Path

from tools.licences import is_taken
from tools.sbom import document

LOCK = (Path(__file__).resolve().parents[2] / "requirements.lock").read_text()


def test_every_pinned_distribution_is_named_with_version_hashes_and_licence() -> None:
    made = document(LOCK, "1.0")["components"]
    pinned = re.findall(r"^([a-z0-9][^=\s]*)==(\S+)", LOCK, re.MULTILINE)
    assert [(each["name"], each["version"]) for each in made] == pinned
    assert len(pinned) > 50
    digests = re.findall(r"--hash=sha256:([0-9a-f]{64})", LOCK)
    assert [each["content"] for component in made for each in component["hashes"]] == digests
    assert all(component["hashes"] for component in made)
    for component in made:
        for each in component.get("licenses", []):
            assert is_taken(each["expression"] if "expression" in each else each["license"]["id"])
    unstated = [each for each in made if "licenses" not in each]
    assert all(each["properties"] for each in unstated), "only what a marker leaves out here"


def test_an_sbom_is_the_same_each_time_and_names_no_host() -> None:
    made = json.dumps(document(LOCK, "1.0"))
    assert made == json.dumps(document(LOCK, "1.0"))
    assert re.findall(r"https?://[^\"]+", made) == ["http://cyclonedx.org/schema/bom-1.6.schema.json"]
