#!/usr/bin/env bash
# Serves the Django peer: serve.sh shipped|tuned PORT
#
# shipped: as the sample is deployed, one worker that connects to the database for every request.
# tuned: two workers for each core and one more, each of which keeps its connection.
#
# gunicorn and Django are those of VIRTUAL_ENV, or of the PATH; the database is that of DBHOST, DBPORT,
# DBNAME, DBUSER and DBPASS.
set -euo pipefail
cd "$(dirname "$0")"

how=${1:-} port=${2:-}
case $how in
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
# The list of 100,000 restaurants takes longer than the 30 seconds that gunicorn gives a worker by itself; App
# Service gives 600. The control socket would be one file for all that run.
exec gunicorn --bind "127.0.0.1:$port" --workers "$workers" --timeout 600 --no-control-socket peer.wsgi
