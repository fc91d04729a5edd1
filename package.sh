#!/usr/bin/env bash
# Builds what is released, and the list of its components. Two runs on the same commit produce the same bytes.
#
#   ./package.sh [x86_64|aarch64]
#       the package to deploy: dist/restaurant-review.zip, which holds the site and its startup file, and
#       dist/restaurant-review.cdx.json
#   ./package.sh local-azure [x86_64|aarch64]
#       the program dist/local-azure-x86_64, which needs no library, with its checksum (.sha256) and its components
#       (.cdx.json)
#
# App Service's images differ in age, so the site is linked against an old glibc. Local Azure is linked against musl, and so
# runs with any C library. zig is the linker that can do both, for both machines.
set -euo pipefail
cd "$(dirname "$0")"

# Older than the glibc of every App Service image in use; the oldest of those is 2.31.
readonly GLIBC=2.28
readonly CYCLONEDX=0.5.9
product=restaurant-review
if [[ ${1:-} == local-azure ]]; then
  product=$1
  shift
fi
readonly product machine=${1:-x86_64}
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)

case $machine in
x86_64) suffix= ;;
aarch64) suffix=-aarch64 ;;
*)
  echo "package.sh: cannot build for $machine: use x86_64 or aarch64" >&2
  exit 2
  ;;
esac
for program in cargo python3 git; do
  if ! command -v "$program" >/dev/null; then
    echo "package.sh needs $program" >&2
    exit 1
  fi
done

case $product in
restaurant-review) triple=$machine-unknown-linux-gnu linked=$machine-unknown-linux-gnu.$GLIBC folder=. ;;
local-azure) triple=$machine-unknown-linux-musl linked=$triple folder=crates/local-azure ;;
esac
if ! rustc --print target-libdir --target "$triple" | xargs test -d; then
  echo "package.sh needs the standard library of $triple: rustup target add $triple" >&2
  exit 1
fi

# --- Tools, installed once -------------------------------------------------------------------------

tools=$target/package-tools
if ! cmp -s package/requirements.txt "$tools/installed.txt"; then
  echo "Installing zig and cargo-zigbuild into $tools"
  rm -rf "$tools/python"
  if ! python3 -m venv "$tools/python"; then
    echo "package.sh needs Python's venv. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2
    exit 1
  fi
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check --requirement package/requirements.txt
  cp package/requirements.txt "$tools/installed.txt"
fi
if [[ ! -x $tools/bin/cargo-cyclonedx ]]; then
  echo "Installing cargo-cyclonedx $CYCLONEDX into $tools"
  cargo install --quiet --locked --root "$tools" --target-dir "$tools/build" "cargo-cyclonedx@$CYCLONEDX"
  rm -rf "$tools/build"
fi
export PATH=$tools/python/bin:$PATH

# --- The binary ------------------------------------------------------------------------------------

# Removes the build machine's paths from the binary, so that every machine produces the same bytes. The workspace's own
# files are already named relative to the checkout.
cargo_home=$(cd "${CARGO_HOME:-$HOME/.cargo}" && pwd)
remaps=("$cargo_home=/cargo" "$(rustc --print sysroot)=/rust" "$target=/target")
export RUSTFLAGS="" CFLAGS=""
for remap in "${remaps[@]}"; do
  RUSTFLAGS+=" --remap-path-prefix=$remap"
  CFLAGS+=" -ffile-prefix-map=$remap"
done
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
cargo zigbuild --release --locked --no-default-features --package "$product" --target "$linked" --target-dir "$target"

# --- The package and its list of components ------------------------------------------------------------

mkdir -p dist
case $product in
restaurant-review)
  name=restaurant-review$suffix
  python3 package/zip.py "dist/$name.zip" \
    "restaurant-review=$target/$triple/release/restaurant-review" start.sh requirements.txt=package/oryx-requirements.txt
  ;;
local-azure)
  name=local-azure-$machine
  install -m 755 "$target/$triple/release/local-azure" "dist/$name"
  (cd dist && sha256sum "$name" >"$name.sha256")
  ;;
esac

# cargo-cyclonedx writes a list beside each Cargo.toml of the workspace. Only the product's is kept.
list=$product.cdx
"$tools/bin/cargo-cyclonedx" cyclonedx --quiet --no-default-features --format json --spec-version 1.5 --target "$triple" --override-filename "$list"
sed "s|file://$PWD|file:///$product|g" "$folder/$list.json" >"dist/$name.cdx.json"
rm -f {.,crates/*,examples/rust}/"$list.json"
ls -l "dist/$name"*
