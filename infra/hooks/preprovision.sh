#!/usr/bin/env bash
# Runs before azd creates the resources, and stores in azd's environment what infra/main.parameters.json reads there:
# the name of the signed-in user, and the app registration for the staff pages, if ADMIN_PRINCIPALS is set.
# A service principal sets its own name instead:
#   azd env set AZURE_PRINCIPAL_NAME <display name>
#   azd env set AZURE_PRINCIPAL_TYPE ServicePrincipal
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=infra/lib.sh
source infra/lib.sh
# shellcheck source=infra/staff.sh
source infra/staff.sh

if [[ -z ${AZURE_PRINCIPAL_NAME:-} || (-n ${ADMIN_PRINCIPALS:-} && -z ${STAFF_CLIENT_ID:-}) ]]; then
  need "az" "See https://learn.microsoft.com/cli/azure/install-azure-cli"
  need_login
fi
if [[ -z ${AZURE_PRINCIPAL_NAME:-} ]]; then
  name=$(az ad signed-in-user show --query userPrincipalName --output tsv)
  azd env set AZURE_PRINCIPAL_NAME "$name"
fi
if [[ -n ${ADMIN_PRINCIPALS:-} && -z ${STAFF_CLIENT_ID:-} ]]; then
  # Another environment may have the same name, hence the number.
  staff_client_id=$(create_staff_app "restaurant-review-$AZURE_ENV_NAME-staff-$RANDOM")
  azd env set STAFF_CLIENT_ID "$staff_client_id"
fi
