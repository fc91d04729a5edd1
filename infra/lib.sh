# shellcheck shell=bash
# What the scripts in this folder share. With DRY_RUN=1 commands are printed, not run.

# Commands are printed here, also from within $(…).
exec 3>&1

say() {
  printf '\n== %s\n' "$*"
}

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

is_dry_run() {
  [[ ${DRY_RUN:-} == 1 ]]
}

# A command as one can type it.
print_command() {
  local word line=''
  for word in "$@"; do
    line+=$(printf '%q ' "$word")
  done
  printf '%s\n' "${line% }" >&3
}

# Runs a command whose output nobody needs.
run() {
  if is_dry_run; then
    print_command "$@"
  else
    "$@" >/dev/null
  fi
}

# Prints what a command says; in a dry run the first argument, which stands for it.
value() {
  local stand_in=$1
  shift
  if is_dry_run; then
    print_command "$@"
    printf '%s\n' "$stand_in"
  else
    "$@"
  fi
}

# Whether a resource is there, by its `az … show`. Only exit status 3 means that it is not; anything else, such
# as a network that is down, must not lead to a second one.
exists() {
  if is_dry_run; then
    print_command "$@"
    return 1
  fi
  local status=0 message
  message=$("$@" 2>&1 >/dev/null) || status=$?
  case $status in
  0) return 0 ;;
  3) return 1 ;;
  *) fail "$message" ;;
  esac
}

# Fails unless a command is there: its name, and where to get it.
need() {
  command -v "$1" >/dev/null || fail "$1 is missing. $2"
}

need_login() {
  is_dry_run || az account show >/dev/null 2>&1 || fail "Not signed in to Azure: run az login first."
}
