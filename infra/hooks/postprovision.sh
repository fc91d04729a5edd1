#!/usr/bin/env bash
# Runs after azd has created the resources: gives the site's identity access to the database, and lets the staff sign in
# at the site. The variables are outputs of infra/main.bicep.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=infra/lib.sh
source infra/lib.sh
# shellcheck source=infra/staff.sh
source infra/staff.sh

# A pipeline may not change the directory, and finds the sign-in as `azd up` left it.
if [[ -n ${ADMIN_PRINCIPALS:-} && -z ${CI:-} ]]; then
  connect_staff_app "$STAFF_CLIENT_ID" "$WEB_HOST" "$IDENTITY_PRINCIPAL_ID"
fi
# Bicep does not delete the rule that it created before the network became private.
azure_rule=(--resource-group "$AZURE_RESOURCE_GROUP" --server-name "$DB_SERVER_NAME" --name AllowAzureServices)
if [[ ${PRIVATE_NETWORK:-} == true ]] && exists az postgres flexible-server firewall-rule show "${azure_rule[@]}"; then
  run az postgres flexible-server firewall-rule delete "${azure_rule[@]}" --yes
fi
ADMIN_NAME=$AZURE_PRINCIPAL_NAME exec infra/database.sh \
  "$AZURE_RESOURCE_GROUP" "$DB_SERVER_NAME" "$DB_NAME" "$IDENTITY_NAME" "$IDENTITY_PRINCIPAL_ID"
