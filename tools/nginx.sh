#!/bin/sh
# Get nginx, for the tests of deploy/nginx.conf. It is not started.
set -eu
if [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null 2>&1; then
    echo "nginx is installed"
    exit 0
fi
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    # The package starts the server unless a policy forbids it (invoke-rc.d(8)).
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nginx-light && exit 0
fi
echo "No nginx: the tests of deploy/nginx.conf are skipped (nginx-light on Debian)." >&2
