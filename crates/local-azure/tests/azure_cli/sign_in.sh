# shellcheck shell=bash source-path=SCRIPTDIR
# `az login` with a browser, and a program that signs people in with MSAL. USER_NAME is the person in the browser.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

subscription=/subscriptions/$(az account show --query id --output tsv)
tenant=$(az account show --query tenantId --output tsv)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The commands of docs/local-azure.md create a test user, a group, and an application that gives the group a role.
eval "$COMMANDS"
az role assignment create --assignee "$USER_NAME" --role Reader --scope "$subscription"

export AZURE_CONFIG_DIR=$folder/bob
az login
equals "$USER_NAME" account show --query user.name
equals Bob ad signed-in-user show --query displayName
az group list
refused az group create --name denied --location eastus

python3 "$(dirname "${BASH_SOURCE[0]}")/../clients/sign_in_with_browser.py" "$tenant" "${client:?}" "$USER_NAME" "${group:?}"
says "is not a page of Local Azure" "$BROWSER" https://www.example.com/
