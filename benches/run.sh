#!/usr/bin/env bash
# Measures the site beside the Django sample and beside what the machine can do, and writes docs/performance.md:
#
#   ./benches/run.sh                  everything, about half an hour
#   ./benches/run.sh --quick          the same in a few minutes, to see that it works: writes to target/bench/docs
#   ./benches/run.sh --only pages,post  some rows, writes to target/bench/docs
#
# On Debian and Ubuntu, as root, it installs what is missing; elsewhere it says what to install.
set -euo pipefail
cd "$(dirname "$0")/.."

# Command (or a file, for what is not on the PATH), Debian package, and what it is for.
needs=(
  "cc gcc a C compiler for SQLite"
  "wrk wrk the load generator"
  "/usr/lib/postgresql/*/bin/pgbench postgresql the database, and what it can do by itself"
  "psql postgresql-client loading the data"
  "npm npm Azurite, for the photos"
  "python3 python3 the benchmark itself, and Django"
)
missing=()
for need in "${needs[@]}"; do
  read -r command package _ <<<"$need"
  command -v "$command" >/dev/null || compgen -G "$command" >/dev/null || missing+=("$package")
done
# Debian keeps a part of Python's environments in a package of its own.
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if ((${#missing[@]})); then
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq "${missing[@]}" >/dev/null
  else
    echo "The benchmark needs more than is installed here. On Debian or Ubuntu: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi

# Django, and what draws the plots, in an environment of their own. A half-made one is made anew.
export VIRTUAL_ENV=$PWD/benches/.venv
requirements=(benches/requirements.txt benches/django-peer/requirements.txt)
if ! cat "${requirements[@]}" | cmp -s - "$VIRTUAL_ENV/installed"; then
  rm -rf "$VIRTUAL_ENV"
  python3 -m venv "$VIRTUAL_ENV"
  "$VIRTUAL_ENV/bin/pip" install --quiet --disable-pip-version-check "${requirements[@]/#/--requirement=}"
  cat "${requirements[@]}" >"$VIRTUAL_ENV/installed"
fi
export PATH=$VIRTUAL_ENV/bin:$PATH
npm ci --prefix crates/local-azure/azurite --no-progress --silent

PYTHONPATH=benches exec python -m bench "$@"
