#!/bin/sh
# Pin all dependencies with hashes and without registry hosts (uv.lock and pylock.toml would contain them).
set -eu
cd "$(dirname "$0")/.."
compile="uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
         --no-emit-package countermark-core --no-emit-package countermark"
$compile --extra server pyproject.toml clients/python/pyproject.toml -o requirements.lock
$compile --extra server --extra postgresql --extra pkcs11 --extra dev pyproject.toml clients/python/pyproject.toml -o requirements-dev.lock
$compile tools/requirements.in -o requirements-tools.lock
$compile --extra postgresql --constraint requirements-dev.lock pyproject.toml -o requirements-postgresql.lock
$compile --extra server --extra bench --constraint requirements-dev.lock pyproject.toml clients/python/pyproject.toml -o requirements-bench.lock
