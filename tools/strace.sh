#!/bin/sh
# Get strace for the fault tests: Debian's package.
set -eu
if command -v strace >/dev/null 2>&1; then
    echo "strace is here: $(command -v strace)"
    exit 0
fi
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && apt-get install -y -qq strace && exit 0
fi
echo "The fault tests need strace: install it with the package manager of this machine." >&2
exit 2
