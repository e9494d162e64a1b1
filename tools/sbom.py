"""Writes an SBOM (CycloneDX 1.6) of what a lock file pins, with the licences of what is installed.

    python tools/sbom.py requirements.lock > countermark-service.cdx.json

The lock is the only source of names, versions and hashes. Nothing in the document depends on when or where it is made.
"""

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from provenance import __version__
from tools.licences import is_taken, licence_of

PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))? ?\\?$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(lock: str) -> list[dict[str, Any]]:
    """One for each pinned distribution, in the order of the lock."""
    found: list[dict[str, Any]] = []
    for line in lock.splitlines():
        if pinned := PINNED.match(line):
            found.append(_component(pinned["name"], pinned["version"], pinned["marker"]))
        elif digest := HASH.search(line):
            found[-1]["hashes"].append({"alg": "SHA-256", "content": digest[1]})
    return found


def document(lock: str, version: str) -> dict[str, Any]:
    """The SBOM of a service that installs exactly this lock."""
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "countermark",
                "name": "countermark",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components(lock),
    }


def _component(name: str, version: str, marker: str | None) -> dict[str, Any]:
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    component: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    try:
        licence = licence_of(distribution(name))
    except PackageNotFoundError:  # for another system, as its marker says
        licence = None
    if licence is not None and is_taken(licence):
        simple = re.fullmatch(r"[A-Za-z0-9.-]+", licence)
        component["licenses"] = [{"license": {"id": licence}}] if simple else [{"expression": licence}]
    if marker is not None:
        component["properties"] = [{"name": "marker", "value": marker}]
    component["hashes"] = []
    return component


def main() -> None:
    """Write the SBOM of the lock that is named."""
    made = document(Path(sys.argv[1]).read_text(), __version__)
    sys.stdout.write(json.dumps(made, indent=2) + "\n")


if __name__ == "__main__":
    main()
