#!/usr/bin/env bash
# Writes .sqlx, which the compiler checks the queries against. Run it after you change a migration or a query. With
# --check it writes nothing and fails if .sqlx is out of date.
#
# It starts a temporary PostgreSQL server. It does what `cargo sqlx prepare` does, without that tool.
set -euo pipefail
cd "$(dirname "$0")/.."

# The programs on the PATH, else those of the newest version. Debian does not put them on the PATH.
initdb=$(command -v initdb || compgen -G "/usr/lib/postgresql/*/bin/initdb" | sort -V | tail -n 1 || true)
bin=$(dirname "$(readlink -f "$initdb")")
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
# Tries ports until the server starts.
for port in $(shuf -i 20000-30000 -n 20); do
  if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null &&
    "${as_server[@]}" "$bin/pg_ctl" -D "$folder/data" -l "$folder/data/log" -w \
      -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off" start >/dev/null; then
    break
  fi
done
url=postgres://postgres@127.0.0.1:$port/postgres

# The table in which sqlx records migrations; the site reads its version from it.
"$bin/psql" -q -v ON_ERROR_STOP=1 "$url" -c 'create table _sqlx_migrations (version bigint primary key, success boolean not null)'
for migration in migrations/postgres/*.sql; do
  "$bin/psql" -q -v ON_ERROR_STOP=1 --single-transaction "$url" -f "$migration" >/dev/null
done

mkdir "$folder/sqlx"
# The macros describe their queries when they are expanded again. The time of the file is restored afterwards, so that
# the next build does not compile the site again.
touch -r src/lib.rs "$folder/time"
touch src/lib.rs
DATABASE_URL=$url SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$folder/sqlx cargo build --quiet --lib
touch -r "$folder/time" src/lib.rs

if [[ ${1:-} == --check ]]; then
  if ! diff -r .sqlx "$folder/sqlx"; then
    echo ".sqlx is out of date. Run migrations/prepare.sh and commit .sqlx." >&2
    exit 1
  fi
else
  rm -rf .sqlx
  mkdir .sqlx
  cp "$folder"/sqlx/*.json .sqlx/
fi
