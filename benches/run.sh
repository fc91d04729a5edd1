#!/usr/bin/env bash
# Compares the site with the Django sample and with the limits of the machine, and writes docs/performance.md:
#
#   ./benches/run.sh                    measures everything in about 50 minutes
#   ./benches/run.sh --quick            checks in a few minutes that the benchmark works; writes to target/bench/docs
#   ./benches/run.sh --only pages,post  measures some rows; writes to target/bench/docs
#
# As root on Debian or Ubuntu, it installs missing packages. Otherwise it tells you what to install.
set -euo pipefail
cd "$(dirname "$0")/.."

# A command (or a file that is not on the PATH), its Debian package, and its purpose.
needs=(
  "cc gcc a C compiler for SQLite"
  "wrk wrk the load generator"
  "/usr/lib/postgresql/*/bin/pgbench postgresql the database and its load generator"
  "psql postgresql-client loads the data"
  "npm npm installs Azurite, which stores the photos"
  "python3 python3 runs the benchmark and Django"
)
missing=()
for need in "${needs[@]}"; do
  read -r command package _ <<<"$need"
  command -v "$command" >/dev/null || compgen -G "$command" >/dev/null || missing+=("$package")
done
# Debian has a separate package for a part of Python's virtual environments.
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if ((${#missing[@]})); then
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq "${missing[@]}" >/dev/null
  else
    echo "The benchmark needs programs that are not installed. On Debian or Ubuntu: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi

# A virtual environment for Django and the plotting library. It is recreated if it is incomplete or outdated.
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
