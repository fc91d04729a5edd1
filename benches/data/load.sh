#!/usr/bin/env bash
# Fills the site's database and the Django peer's with the same restaurants and reviews:
#
#     load.sh SITE_DB_URL PEER_DB_URL RESTAURANTS REVIEWS
#
# RESTAURANTS and REVIEWS are at least 1. The URLs are psql's, and their user is a superuser. The tables must exist
# (from the site's migrations and from manage.py migrate) and be empty. The script fails if the databases differ at the
# end.
set -euo pipefail

if (($# != 4)); then
  echo "usage: load.sh SITE_DB_URL PEER_DB_URL RESTAURANTS REVIEWS" >&2
  exit 2
fi
site=$1 peer=$2 restaurants=$3 reviews=$4
here=$(dirname "$0")

# Generates the site's data, and copies it to the peer.
psql --no-psqlrc "$site" -v restaurants="$restaurants" -v reviews="$reviews" -f "$here/site.sql" >/dev/null
SITE_DB_URL=$site psql --no-psqlrc "$peer" -f "$here/peer.sql" >/dev/null

in_site=$(psql --no-psqlrc "$site" -v schema=site -f "$here/check.sql")
in_peer=$(psql --no-psqlrc "$peer" -v schema=peer -f "$here/check.sql")
echo "site: $in_site"
echo "peer: $in_peer"
if [[ $in_site != "$in_peer" || $in_site != "$restaurants restaurants "*", $reviews reviews "* ]]; then
  echo "load.sh: the databases do not contain the expected data" >&2
  exit 1
fi
