#!/bin/sh
# Install what makes clients out of openapi.yaml, and builds and checks a release: apart from the service's own
# libraries, of which some would need other versions. Pinned: requirements-tools.lock, tools/package-lock.json.
set -eu
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null 2>&1; then
    echo "Install Node.js with npm: openapi-typescript comes from there." >&2
    exit 1
fi
[ -x .tools/python/bin/python ] || ${PYTHON:-python3} -m venv .tools/python
.tools/python/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements-tools.lock
if ! cmp -s tools/package-lock.json .tools/package-lock.json || [ ! -x .tools/node_modules/.bin/openapi-typescript ]; then
    cp tools/package.json tools/package-lock.json .tools/
    npm ci --silent --prefix .tools
fi
