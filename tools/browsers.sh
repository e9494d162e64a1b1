#!/bin/sh
# Install Chromium, Firefox, and a virtual display with a keyboard for the browser tests: Debian's packages, or else
# Playwright's build of Chromium.
set -eu
cd "$(dirname "$0")/.."

find_one() { # the first of these commands that is there
    for name in "$@"; do
        command -v "$name" && return
    done
    return 1
}

packages=
for each in "chromium chromium-browser google-chrome" "firefox-esr firefox" "xdotool" "xvfb Xvfb"; do
    # shellcheck disable=SC2086
    if found=$(find_one $each); then
        echo "${found##*/} is installed: $found"
    else
        packages="$packages ${each%% *}"
    fi
done
[ -n "$packages" ] || exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    # shellcheck disable=SC2086
    apt-get update -qq && apt-get install -y -qq $packages && exit 0
fi
case $packages in
*firefox*) echo "No Firefox: the tests that drive it are skipped (your system's package manager has it)." >&2 ;;
esac
case $packages in
*xdotool* | *xvfb*) echo "No virtual display (Xvfb and xdotool): the tests of the extension are skipped." >&2 ;;
esac
case $packages in
*chromium*) exec .venv/bin/python -m playwright install chromium ;;
esac
