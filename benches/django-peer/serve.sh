#!/usr/bin/env bash
# Serves the Django peer: serve.sh shipped|tuned PORT
#
# shipped: one worker that opens a connection for each request, as the sample is deployed.
# tuned: two workers per core plus one, each of which keeps its connection.
#
# It runs gunicorn and Django from VIRTUAL_ENV or the PATH, with the database of DBHOST, DBPORT, DBNAME, DBUSER
# and DBPASS.
set -euo pipefail
cd "$(dirname "$0")"

mode=${1:-} port=${2:-}
case $mode in
  shipped) workers=1 tuned=0 ;;
  tuned) workers=$((2 * $(nproc) + 1)) tuned=1 ;;
esac
if [[ -z ${workers:-} || ! $port =~ ^[0-9]+$ ]]; then
  echo "usage: serve.sh shipped|tuned PORT" >&2
  exit 2
fi
export PEER_TUNED=$tuned
[[ -z ${VIRTUAL_ENV:-} ]] || PATH=$VIRTUAL_ENV/bin:$PATH

python manage.py collectstatic --no-input --verbosity 0
# The list of 100,000 restaurants takes longer than gunicorn's default timeout of 30 seconds. App Service sets 600. The
# control socket is off, because all instances would share one file.
exec gunicorn --bind "127.0.0.1:$port" --workers "$workers" --timeout 600 --no-control-socket peer.wsgi
