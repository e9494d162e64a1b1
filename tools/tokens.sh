#!/bin/sh
# Get SoftHSM, a PKCS#11 token in software, for the tests of keys on tokens.
set -eu
if command -v softhsm2-util >/dev/null 2>&1; then
    echo "softhsm2-util is here: $(command -v softhsm2-util)"
    exit 0
fi
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && apt-get install -y -qq softhsm2 && exit 0
fi
echo "Install SoftHSM 2 with your package manager: softhsm2 (Debian), softhsm (Fedora, Homebrew)." >&2
exit 1
