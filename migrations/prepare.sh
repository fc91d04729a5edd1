#!/usr/bin/env bash
# Writes .sqlx, what the compiler knows of PostgreSQL's answers, anew: run it after a change of a migration
# or of a query. With --check it writes nothing and fails when .sqlx is not what it should be.
#
# It starts a PostgreSQL of its own in a temporary folder and takes it away again. Does what `cargo sqlx
# prepare` does, without wanting that tool.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)
[[ -n $bin ]] || bin=$(dirname "$(command -v initdb || true)")
if [[ ! -x $bin/initdb ]]; then
  echo "migrations/prepare.sh needs PostgreSQL's server. On Debian or Ubuntu: sudo apt-get install postgresql" >&2
  exit 1
fi

# The server refuses to run as root.
as_server=()
[[ $(id -u) != 0 ]] || as_server=(setpriv --reuid=postgres --regid=postgres --clear-groups)

folder=$(mktemp -d)
clean_up() {
  [[ ! -f $folder/data/postmaster.pid ]] || "${as_server[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null
  rm -rf "$folder"
}
trap clean_up EXIT
[[ $(id -u) != 0 ]] || chown postgres "$folder"

(
  cd "$folder"
  "${as_server[@]}" "$bin/initdb" -D data -U postgres --auth=trust --encoding=UTF8 --locale=C --no-sync >/dev/null
)
# A free port: one that nothing answers at.
for port in $(shuf -i 20000-30000 -n 20); do
  if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null &&
    "${as_server[@]}" "$bin/pg_ctl" -D "$folder/data" -l "$folder/data/log" -w \
      -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off" start >/dev/null; then
    break
  fi
done
url=postgres://postgres@127.0.0.1:$port/postgres

# The table in which sqlx notes migrations; the site asks it for the version.
"$bin/psql" -q -v ON_ERROR_STOP=1 "$url" -c 'create table _sqlx_migrations (version bigint primary key, success boolean not null)'
for migration in migrations/postgres/*.sql; do
  "$bin/psql" -q -v ON_ERROR_STOP=1 --single-transaction "$url" -f "$migration" >/dev/null
done

mkdir "$folder/sqlx"
# The macros write what they asked, when they are expanded anew.
touch src/lib.rs
DATABASE_URL=$url SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$folder/sqlx cargo check --quiet --lib

if [[ ${1:-} == --check ]]; then
  if ! diff -r .sqlx "$folder/sqlx"; then
    echo ".sqlx is not what the queries and migrations ask for. Run migrations/prepare.sh and commit .sqlx." >&2
    exit 1
  fi
else
  rm -rf .sqlx
  mkdir .sqlx
  cp "$folder"/sqlx/*.json .sqlx/
fi
