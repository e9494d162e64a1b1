#!/bin/sh
# Lint openapi.yaml with spectral and the extension with web-ext, check the types of clients/js and clients/extension with
# tsc, and compare docs/reference/javascript with what typedoc makes of its comments (npm, pinned); `--write` writes that
# instead. Without npm all is skipped with a message.
set -eu
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null 2>&1; then
    echo "Neither openapi.yaml nor clients/js nor clients/extension was checked: npm is not installed (spectral, tsc, typedoc and web-ext come from npm)." >&2
    if [ -n "${CI:-}" ]; then exit 1; else exit 0; fi
fi
bin=$PWD/.tools/node_modules/.bin
if ! cmp -s tools/package-lock.json .tools/package-lock.json || [ ! -x "$bin/typedoc" ]; then
    mkdir -p .tools
    cp tools/package.json tools/package-lock.json .tools/
    npm ci --silent --prefix .tools
fi
pages=docs/reference/javascript
write_pages() { # DIRECTORY
    "$bin/typedoc" --logLevel Warn --options clients/js/typedoc.json --tsconfig clients/js/tsconfig.types.json --out "$1"
}
if [ "${1:-}" = --write ]; then
    write_pages "$pages"
    exit 0
fi
"$bin/spectral" lint --ruleset tools/spectral.yaml --fail-severity warn --quiet openapi.yaml
for project in clients/js clients/extension; do
    "$bin/tsc" --project "$project" --typeRoots .tools/node_modules/@types
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
write_pages "$scratch/pages"
diff -r "$pages" "$scratch/pages" >&2 || { echo "$pages is out of date with clients/js: run tools/npm.sh --write" >&2; exit 1; }
.venv/bin/python tools/extension.py "$scratch/extension" >/dev/null
"$bin/web-ext" lint --source-dir "$scratch/extension/firefox" --warnings-as-errors --no-config-discovery >"$scratch/lint" ||
    { cat "$scratch/lint" >&2; exit 1; }
