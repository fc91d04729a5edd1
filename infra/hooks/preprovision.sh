#!/usr/bin/env bash
# Runs before azd creates the resources: stores the name of the signed-in user in azd's environment, where
# infra/main.parameters.json reads it. A service principal sets its own name instead:
#   azd env set AZURE_PRINCIPAL_NAME <display name>
#   azd env set AZURE_PRINCIPAL_TYPE ServicePrincipal
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=infra/lib.sh
source infra/lib.sh

[[ -z ${AZURE_PRINCIPAL_NAME:-} ]] || exit 0
need "az" "See https://learn.microsoft.com/cli/azure/install-azure-cli"
need_login
name=$(az ad signed-in-user show --query userPrincipalName --output tsv)
azd env set AZURE_PRINCIPAL_NAME "$name"
