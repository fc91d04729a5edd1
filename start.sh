#!/bin/sh
# The startup file for App Service: runs the site that is in the same folder.
#
# Set the startup command to `exec sh ./start.sh`. App Service runs the command in a shell, which does not forward
# SIGTERM. With `exec` in both places the site replaces that shell, receives SIGTERM itself, and stops cleanly. With
# `sh` this file needs no execute permission, which a zip made on Windows does not keep.
set -eu

# App Service may also find this file through PATH; $0 then has no folder.
case $0 in
*/*) here=${0%/*} ;;
*) here=$(dirname "$(command -v "$0")") ;;
esac
cd "$here"

site=./restaurant-review
if [ ! -e "$site" ] && [ -e Cargo.toml ]; then
    # A checkout of the source.
    cargo build --release --locked --no-default-features
    site=target/release/restaurant-review
fi

# The program may have lost its execute permission on the way here, for example in a zip made on Windows. In a
# read-only package the permission cannot be restored, so a copy is run instead.
if ! "$site" --version >/dev/null 2>&1 && ! { chmod +x "$site" && "$site" --version; } >/dev/null 2>&1; then
    copy=$(mktemp -d)/restaurant-review
    cp "$site" "$copy"
    chmod +x "$copy"
    site=$copy
fi

# Returns the memory of a photo's pixels to the system as soon as it is freed. By default glibc raises this threshold
# to the size of the largest block freed so far and keeps smaller blocks for itself. 131072 is its initial value.
export MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_-131072}"

exec "$site" "$@"
