#!/bin/sh
# Lint openapi.yaml with spectral and check the types of clients/js with tsc (npm, pinned). Without npm both are skipped
# with a message.
set -eu
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null 2>&1; then
    echo "Neither openapi.yaml nor clients/js was checked: npm is not installed (spectral and tsc come from npm)." >&2
    if [ -n "${CI:-}" ]; then exit 1; else exit 0; fi
fi
if ! cmp -s tools/package-lock.json .tools/package-lock.json || [ ! -x .tools/node_modules/.bin/tsc ]; then
    mkdir -p .tools
    cp tools/package.json tools/package-lock.json .tools/
    npm ci --silent --prefix .tools
fi
.tools/node_modules/.bin/spectral lint --ruleset tools/spectral.yaml --fail-severity warn --quiet openapi.yaml
exec .tools/node_modules/.bin/tsc --project clients/js --typeRoots .tools/node_modules/@types
