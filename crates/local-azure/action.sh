#!/usr/bin/env bash
# The steps of action.yml, on a runner with Ubuntu.
#
#   action.sh install [VERSION]   puts local-azure on the PATH of later steps
#   action.sh start OPTIONS       starts it in the workspace, and waits until it runs
set -euo pipefail

readonly folder=$RUNNER_TEMP/local-azure

install_program() {
  local version=$1 name
  name=local-azure-$(uname -m)
  mkdir -p "$folder/bin"
  if [[ -n $version ]]; then
    gh release download "$version" --repo "$REPOSITORY" --dir "$folder" --pattern "$name" --pattern "$name.sha256"
    (cd "$folder" && sha256sum --check --quiet "$name.sha256")
    # Only the workflow of that repository can have signed it.
    gh attestation verify "$folder/$name" --repo "$REPOSITORY"
    install -m 755 "$folder/$name" "$folder/bin/local-azure"
  else
    # Fast enough for tests, and built in a fraction of the time of a release build.
    cargo install --debug --locked --path "$GITHUB_ACTION_PATH" --root "$folder"
  fi
  echo "$folder/bin" >>"$GITHUB_PATH"
}

# What runs below Local Azure. GitHub's images for Ubuntu have all of it.
install_services() {
  local missing=()
  compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
  [[ -x /usr/sbin/ip || -x /usr/bin/ip || -x /sbin/ip ]] || missing+=(iproute2)
  if ((${#missing[@]})); then
    sudo apt-get update -qq
    sudo apt-get install -y -qq "${missing[@]}"
  fi
}

# Lets apps have networks of their own, which Ubuntu's AppArmor forbids.
allow_networks() {
  local setting=kernel.apparmor_restrict_unprivileged_userns
  if [[ -e /proc/sys/${setting//.//} ]]; then
    sudo sysctl --quiet --write "$setting=0"
  fi
}

start() {
  local options log=$folder/log
  read -ra options <<<"$1"
  cd "$GITHUB_WORKSPACE"
  # It outlives this step, and ends with the job.
  nohup local-azure up "${options[@]}" >"$log" 2>&1 </dev/null &
  local process=$! limit=$((SECONDS + 600))
  until local-azure status 2>/dev/null | grep --quiet "Local Azure is running"; do
    if ! kill -0 "$process" 2>/dev/null || ((SECONDS > limit)); then
      cat "$log" >&2
      echo "Local Azure did not start." >&2
      exit 1
    fi
    sleep 0.5
  done
  cat "$log"
}

case $1 in
install)
  install_program "${2:-}"
  install_services
  allow_networks
  ;;
start) start "$2" ;;
*)
  echo "action.sh: unknown step $1: use install or start" >&2
  exit 2
  ;;
esac
