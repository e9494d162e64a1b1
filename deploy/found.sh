#!/bin/sh
# Found the log, once, and only the one that COUNTERMARK_FOUND_LOG names: an empty disk alone begins no second one.
set -eu
cd "$(dirname "$0")/.."
if python -m api log info; then
    exit 0
fi
if [ "${COUNTERMARK_FOUND_LOG:-}" != "$COUNTERMARK_ORIGIN" ]; then
    echo "No log was found, or it cannot be read: see above. If $COUNTERMARK_ORIGIN never existed, found it once with
COUNTERMARK_FOUND_LOG=$COUNTERMARK_ORIGIN. If it did, restore its volumes." >&2
    exit 2
fi
exec python -m api log init
