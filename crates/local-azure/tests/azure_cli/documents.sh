# shellcheck shell=bash
# Comes before the commands of this repository's documents, and stands in for what they need and is not there.
# NOT_EMULATED is a regular expression of the commands that docs/local-azure.md lists as not emulated.
set -eux -o pipefail

# not_emulated ARGUMENTS…: az is refused, as docs/local-azure.md says. The group's id stands for the id that the
# command would have shown.
not_emulated() {
  local status=0
  timeout 60 az "$@" >&2 </dev/null || status=$?
  # 2 would be a mistake in the command.
  if ((status != 1 && status != 3)); then
    echo "This should have been refused, but ended with $status: az $*" >&2
    exit 1
  fi
  if [[ " $* " == *" --query id "* ]]; then
    command az group show --name "$RESOURCE_GROUP" --query id --output tsv
  fi
  # The documents go on with the server that they restored.
  if [[ "$*" == *"flexible-server restore "* ]]; then
    command az postgres flexible-server create --resource-group "$RESOURCE_GROUP" --name "$DB_SERVER-restored" \
      --microsoft-entra-auth Enabled --password-auth Disabled --public-access Enabled --yes
    command az postgres flexible-server db create --resource-group "$RESOURCE_GROUP" \
      --server-name "$DB_SERVER-restored" --name restaurant
  fi
}

az() {
  if [[ "az $* " =~ ^($NOT_EMULATED)\  ]]; then
    not_emulated "$@"
    return
  fi
  case "$*" in
  login) ;; # the shell is signed in
  "webapp log tail "*) timeout 10 az "$@" || test $? = 124 ;;
  *) command az "$@" ;;
  esac
}

azd() { :; }
# GitHub's answer for a repository of today.
gh() { echo repo:contoso@5544123/restaurant-review@821093847; }
