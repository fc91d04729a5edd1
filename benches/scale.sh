#!/usr/bin/env bash
# Measures what docs/scale.md says, and writes the tables of that document:
#
#   ./benches/scale.sh costs        what one page, search, review and photo cost
#   ./benches/scale.sh large        1,000,000 restaurants and 50,000,000 reviews, against a thousandth of them
#   ./benches/scale.sh instances    four instances behind Local Azure's front end, against one
#   ./benches/scale.sh cluster      which of the schema's rules a table in parts refuses
#   ./benches/scale.sh model        instances, database and monthly cost for 10,000 to 1,000,000,000 pages a day
#
# `large --restaurants 10000 --reviews 500000` tries it in a minute or two. Other sizes than the document's, and --quick,
# write to target/bench/scale instead. The options are in `./benches/scale.sh --help`.
set -euo pipefail
cd "$(dirname "$0")/.."

# A command (or a file that is not on the PATH) and its Debian package.
needs=("wrk wrk" "/usr/lib/postgresql/*/bin/initdb postgresql" "psql postgresql-client" "npm npm" "python3 python3")
missing=()
for need in "${needs[@]}"; do
  read -r command package <<<"$need"
  command -v "$command" >/dev/null || compgen -G "$command" >/dev/null || missing+=("$package")
done
if ((${#missing[@]})); then
  echo "benches/scale.sh needs programs that are not installed. On Debian or Ubuntu: sudo apt-get install ${missing[*]}" >&2
  exit 1
fi

PYTHONPATH=benches exec python3 -B -m scale "$@"
