#!/bin/sh
# Start the service of compose.yaml in one command. `deploy/up.sh ORIGIN` also founds the log of that name, the first time:
#
#     deploy/up.sh 127.0.0.1:8000/log
#
# Passwords are made once, in deploy/.env. Keep a copy of it elsewhere: without the passphrase the log's keys are lost.
set -eu
cd "$(dirname "$0")"
secret() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
if [ ! -e .env ]; then
    umask 077
    {
        [ $# = 0 ] || echo "COUNTERMARK_ORIGIN=$1"
        echo "COUNTERMARK_KEY_PASSPHRASE=$(secret)"
        echo "DATABASE_PASSWORD=$(secret)"
        echo "OBJECTS_PASSWORD=$(secret)"
    } >.env.made
    mv .env.made .env
fi
COUNTERMARK_FOUND_LOG=${1:-} docker compose up --build --detach
echo "http://127.0.0.1:8000/readyz answers soon. The first API key, and the log's verifier key: docker compose logs found" >&2
