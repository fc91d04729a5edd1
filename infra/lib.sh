# shellcheck shell=bash
# Functions that the scripts in this folder share. With DRY_RUN=1 they print commands instead of running them.

# print_command writes here, so that commands inside $(…) reach the terminal too.
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

# Prints a command, quoted so that it can be pasted into a shell.
print_command() {
  local word line=''
  for word in "$@"; do
    line+=$(printf '%q ' "$word")
  done
  printf '%s\n' "${line% }" >&3
}

# Runs a command and discards its output.
run() {
  if is_dry_run; then
    print_command "$@"
  else
    "$@" >/dev/null
  fi
}

# Prints the output of a command. In a dry run, prints the first argument instead.
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

# Tells whether a resource exists, by running its `az … show`. Only exit status 3 means that it does not exist. Any
# other failure, such as a lost connection, ends the script, so that the resource is not created twice.
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

# Fails if a command is not installed. The arguments are its name and a sentence on how to install it.
need() {
  command -v "$1" >/dev/null || fail "$1 is not installed. $2"
}

need_login() {
  is_dry_run || az account show >/dev/null 2>&1 || fail "You are not signed in to Azure. Run: az login"
}
