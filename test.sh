#!/usr/bin/env bash
# Runs every test: ./test.sh. On Debian and Ubuntu, as root, it installs what is missing; elsewhere it
# says what to install. How long each part took stands at the end.
set -euo pipefail
cd "$(dirname "$0")"

# --- What the tests need -------------------------------------------------------------------------

# Another browser of Chromium's family can be named.
export CHROMIUM=${CHROMIUM:-chromium}

# Command (or a file, for what is not on the PATH), Debian package, and what it is for.
needs=(
  "cc gcc a C compiler for SQLite"
  "npm npm Bootstrap, Azurite, the browser's driver, axe-core and the HTML checker"
  "java default-jre-headless the HTML checker"
  "$CHROMIUM chromium the browser tests"
  "/usr/lib/postgresql/*/bin/initdb postgresql the store in PostgreSQL"
  "psql postgresql-client a client that signs in with a token"
  "python3 python3 clients of Azure in Python"
  "readelf binutils a look at what the package needs"
  "openssl openssl a strict look at the certificates of Local Azure"
  "valgrind valgrind a count of the instructions for each page"
)

# Whether there is such a command, or a file that the pattern fits.
has() {
  command -v "$1" >/dev/null || compgen -G "$1" >/dev/null
}

# Only root can make the old system that the package is tried in.
[[ $(id -u) != 0 ]] || needs+=("debootstrap debootstrap an old system to try the package in")

missing=()
for need in "${needs[@]}"; do
  read -r command package purpose <<<"$need"
  has "$command" || missing+=("$package")
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
    echo "The tests need more than is installed here. On Debian or Ubuntu: sudo apt-get install ${missing[*]}" >&2
    for need in "${needs[@]}"; do
      read -r command package purpose <<<"$need"
      has "$command" || echo "  $command (Debian package $package): $purpose" >&2
    done
    exit 1
  fi
fi
for component in fmt clippy; do
  if ! cargo "$component" --version >/dev/null 2>&1; then
    echo "The tests need cargo $component: rustup component add rustfmt clippy" >&2
    exit 1
  fi
done
node_version=$(node --version)
if ! node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'; then
  echo "The tests need Node.js 20.19 or newer; here is $node_version. See https://nodejs.org/en/download" >&2
  exit 1
fi

# --- The parts -------------------------------------------------------------------------------------

times=()
part() {
  local name=$1 start=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  if ! "$@"; then
    printf '\nFAILED: %s (after %d s): %s\n' "$name" $((SECONDS - start)) "$*" >&2
    exit 1
  fi
  times+=("$(printf '%5d s  %s' $((SECONDS - start)) "$name")")
}

# Python's clients of Azure, in an environment of their own.
python_clients() {
  local folder=crates/local-azure/tests/clients
  python3 -m venv "$folder/.venv"
  "$folder/.venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$folder/requirements.txt"
}

# Licences, sources and banned crates, as deny.toml says. (Its advisories come from a repository that not every machine
# reaches; the workflow CI checks them too.)
crates_policy() {
  local tools=target/test-tools deny=cargo-deny@0.20.2
  if [[ ! -x $tools/$deny/bin/cargo-deny ]]; then
    cargo install --quiet --locked --root "$tools/$deny" --target-dir "$tools/build" "$deny"
    rm -rf "$tools/build"
  fi
  "$tools/$deny/bin/cargo-deny" --workspace --locked check bans licenses sources
}

# The budget of instructions, after a look whether its check can fail.
instructions_per_request() {
  python3 -B -m unittest discover --quiet benches/instructions && benches/instructions/measure.py
}

CHROMIUM=$(command -v "$CHROMIUM")
rm -rf test-output

part "format" cargo fmt --check
part "lints" cargo clippy --workspace --all-targets -- -D warnings
part "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
part "build" cargo build --workspace
part "licences and sources of the crates" crates_policy
part "npm packages of the browser tests" npm ci --prefix tests/browser --no-progress
part "npm packages of Azurite" npm ci --prefix crates/local-azure/azurite --no-progress
part "npm packages of the clients" npm ci --prefix crates/local-azure/tests/clients --no-progress
part "Python packages of the clients" python_clients
part "deployment" tests/deploy/run.sh
part "queries are checked against the tables" migrations/prepare.sh --check
part "Rust tests" cargo test --workspace
part "the package on Local Azure" env LOCAL_AZURE_PACKAGE="$PWD/dist/restaurant-review.zip" cargo test --package local-azure --test up
part "instructions per request" instructions_per_request
part "npm packages" npm ci --prefix assets --no-progress
part "vendored files are what their packages make" npm run --silent check --prefix assets
part "browser tests" npm run --silent test --prefix tests/browser

printf '\nEverything passed in %d s:\n' "$SECONDS"
printf '%s\n' "${times[@]}"
