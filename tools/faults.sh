#!/bin/sh
# Install and check what the fault tests need: strace (Debian's package), permission to trace, and root to mount a disk.
set -eu
if ! command -v strace >/dev/null 2>&1; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        apt-get update -qq >/dev/null && apt-get install -y -qq strace >/dev/null
    else
        echo "The fault tests need strace: install it with the package manager of this machine." >&2
        exit 2
    fi
fi
if ! strace -qq -o /dev/null true; then
    echo "The fault tests need to trace processes, which this machine forbids." >&2
    exit 2
fi
disk=$(mktemp -d)
if ! mount -t tmpfs -o size=64k tmpfs "$disk"; then
    rmdir "$disk"
    echo "The fault tests mount a small disk, which needs root." >&2
    exit 2
fi
umount "$disk"
rmdir "$disk"
