#!/bin/sh
# Lint openapi.yaml with spectral (npm, pinned). Without npm this check is skipped with a message.
set -eu
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null 2>&1; then
    echo "openapi.yaml was NOT linted: npm is not installed (spectral comes from npm)." >&2
    if [ -n "${CI:-}" ]; then exit 1; else exit 0; fi
fi
if [ ! -x .tools/node_modules/.bin/spectral ]; then
    mkdir -p .tools
    cp tools/package.json tools/package-lock.json .tools/
    npm ci --silent --prefix .tools
fi
exec .tools/node_modules/.bin/spectral lint --ruleset tools/spectral.yaml --fail-severity warn --quiet openapi.yaml
