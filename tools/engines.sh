#!/bin/sh
# Install an independent C2PA implementation from npm, for the tests that read our signed copies with it.
set -eu
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null 2>&1; then
    echo "Install Node.js with npm: @trustnxt/c2pa-ts comes from there." >&2
    exit 1
fi
npm install --silent --no-package-lock --omit=optional --ignore-scripts --prefix .tools/engines @trustnxt/c2pa-ts@0.9.4
echo "c2pa-ts is installed: .tools/engines/node_modules/@trustnxt/c2pa-ts"
