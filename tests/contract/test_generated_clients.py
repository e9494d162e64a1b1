"""Clients that others' generators make out of the committed contract: all of it is made, imported, and works."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import find_generators

pytestmark = pytest.mark.generator

ROOT = Path(__file__).resolve().parents[2]
ALL = """
import importlib, pkgutil, sys
import countermark_generated as package
modules = [each.name for each in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in modules:
    importlib.import_module(name)
from countermark_generated import Client
from countermark_generated.api.lookups import post_lookups
from countermark_generated.models import LookupRequest, LookupsRequest, Lookups
with Client(base_url=sys.argv[1]) as client:
    asked = LookupsRequest(items=[LookupRequest(sha256="ab" * 32)])
    found = post_lookups.sync(client=client, body=asked)
assert isinstance(found, Lookups), found
print(len(modules), found.items[0].sha256)
"""
TYPES = """
import type { components, paths } from "./contract.d.ts";

type Body = paths["/v1/lookups"]["post"]["requestBody"]["content"]["application/json"];
type Found = paths["/v1/lookups"]["post"]["responses"]["200"]["content"]["application/json"];
const body: Body = { items: [{ sha256: "ab" }] };
export const records = (found: Found): string[] =>
  found.items.flatMap((item) => item.matches.map((match) => match.record));
export const axis = (report: components["schemas"]["Report"]): string => report.axes.proof.value;
export default body;
"""


def run(*command: object, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=os.environ | {"PYTHONWARNINGS": "default"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def tools() -> Path:
    found = find_generators()
    assert found is not None
    return found


def test_openapi_python_client_makes_every_operation_and_the_client_works(
    tools: Path, tmp_path: Path, live: Any
) -> None:
    python = tools / "python" / "bin"
    told = run(
        python / "openapi-python-client",
        *("generate", "--path", ROOT / "openapi.yaml", "--config", ROOT / "tools/openapi-python-client.yaml"),
        *("--output-path", tmp_path / "made"),
        folder=tmp_path,
        PATH=f"{python}{os.pathsep}{os.environ['PATH']}",
    )
    assert re.findall(r"WARNING parsing (.+?) within", told) == ["POST /scitt/entries"]  # one of its two media types
    assert "will not be generated" not in told
    assert "ERROR" not in told
    modules, sha256 = run(python / "python", "-c", ALL, live.url, folder=tmp_path / "made").split()[-2:]
    assert int(modules) > 100
    assert sha256 == "ab" * 32


def test_openapi_typescript_makes_types_that_compile(tools: Path, tmp_path: Path) -> None:
    binaries = tools / "node_modules" / ".bin"
    run(binaries / "openapi-typescript", ROOT / "openapi.yaml", "--output", tmp_path / "contract.d.ts", folder=tmp_path)
    (tmp_path / "use.ts").write_text(TYPES)
    options = {"strict": True, "noEmit": True, "target": "ES2022", "module": "ESNext", "moduleResolution": "Bundler"}
    options |= {"allowImportingTsExtensions": True, "types": [], "lib": ["ES2022"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["use.ts"]}))
    run(binaries / "tsc", "--project", tmp_path, folder=tmp_path)
    (tmp_path / "use.ts").write_text(TYPES.replace("match.record", "match.nothing"))
    with pytest.raises(AssertionError, match="nothing"):
        run(binaries / "tsc", "--project", tmp_path, folder=tmp_path)


def test_the_generators_are_apart_from_the_service(tools: Path) -> None:
    assert not str(tools / "python").startswith(sys.prefix)
