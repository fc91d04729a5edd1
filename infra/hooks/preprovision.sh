#!/usr/bin/env bash
# Before azd makes the resources: keeps the name of who deploys in azd's environment, for infra/main.parameters.json.
# A service principal gives its own: azd env set AZURE_PRINCIPAL_NAME … and AZURE_PRINCIPAL_TYPE ServicePrincipal.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=infra/lib.sh
source infra/lib.sh

[[ -z ${AZURE_PRINCIPAL_NAME:-} ]] || exit 0
need "az" "See https://learn.microsoft.com/cli/azure/install-azure-cli"
need_login
name=$(az ad signed-in-user show --query userPrincipalName --output tsv)
azd env set AZURE_PRINCIPAL_NAME "$name"
