#!/bin/sh
# Build a release in dist/: an sdist with both projects, a wheel of each, and SBOMs (CycloneDX) of what the client
# installs and of what the service does. They are checked by twine, by building the wheels from the sdist, and by
# installing them; and so is what a checkout installs.
set -eu
cd "$(dirname "$0")/.."
tools=$PWD/.tools/python/bin
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset PYTHONDONTWRITEBYTECODE PYTHONPATH
rm -rf dist

"$tools/python" -m build --sdist --outdir dist . >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
tar -xzf dist/*.tar.gz -C "$scratch"
for project in "$scratch"/countermark_core-*/ "$scratch"/countermark_core-*/clients/python; do
    "$tools/python" -m build --wheel --outdir dist "$project" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
done
"$tools/python" -m twine check --strict dist/*

cp tools/installed.py "$scratch"
cp demo/photos/rocket.jpg "$scratch/picture.jpg"
check_installed() { # in an empty environment: its name, and what pip is given
    environment=$scratch/$1
    shift
    "${PYTHON:-python3}" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@"
    (cd "$scratch" && "$environment/bin/python" installed.py)
}
check_installed checkout . ./clients/python
check_installed empty dist/*.whl
"$scratch/empty/bin/python" -m pip uninstall --quiet --yes setuptools 2>/dev/null || true
"$tools/cyclonedx-py" environment --pyproject clients/python/pyproject.toml --output-reproducible \
    --output-file dist/countermark.cdx.json "$scratch/empty/bin/python" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
make --silent sbom
ls -l dist
