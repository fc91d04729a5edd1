#!/bin/sh
# The startup file for App Service: runs the site that lies beside it.
#
# Give it as `exec ./start.sh`: App Service runs the startup command by a shell of its own, which passes no
# SIGTERM on; with `exec` here and there the site is that process, and stops as it should.
set -eu

# App Service also finds it through PATH, without a folder before its name.
case $0 in
*/*) here=${0%/*} ;;
*) here=$(dirname "$(command -v "$0")") ;;
esac
cd "$here"

site=./restaurant-review
if [ ! -e "$site" ] && [ -e Cargo.toml ]; then
    # A checkout of the source.
    cargo build --release --locked
    site=target/release/restaurant-review
fi

# The way here (a zip packed on Windows, say) may have lost the right to run, and a read-only package does not
# let it be given back; a copy does.
if ! "$site" --version >/dev/null 2>&1 && ! { chmod +x "$site" && "$site" --version; } >/dev/null 2>&1; then
    copy=$(mktemp -d)/restaurant-review
    cp "$site" "$copy"
    chmod +x "$copy"
    site=$copy
fi

# What the pixels of a photo took goes back to the system when it is freed. Without this, glibc raises the size from
# which it does so (here, the size it starts with) to that of the largest photo so far, and keeps what is below.
export MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_-131072}"

exec "$site" "$@"
