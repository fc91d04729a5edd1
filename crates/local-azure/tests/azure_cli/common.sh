# shellcheck shell=bash
# What the scripts share. Each command of theirs must succeed, except after `refused` and `says`.
set -eux -o pipefail

# equals EXPECTED ARGUMENTS…: az prints this.
equals() {
  test "$1" = "$(az "${@:2}" --output tsv)"
}

# refused COMMAND…: the command fails.
refused() {
  if "$@"; then
    echo "This should have been refused: $*" >&2
    exit 1
  fi
}

# says TEXT COMMAND…: the command fails, and its message contains the text.
says() {
  local message
  message=$("${@:2}" 2>&1) && exit 1
  grep --quiet --fixed-strings -- "$1" <<<"$message"
}
