#!/bin/sh
# Install Chromium for the browser tests: Debian's package if there is one, else Playwright's build.
set -eu
cd "$(dirname "$0")/.."
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then
        echo "$name is installed: $(command -v "$name")"
        exit 0
    fi
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && apt-get install -y -qq chromium && exit 0
fi
exec .venv/bin/python -m playwright install chromium
