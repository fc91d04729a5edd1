#!/usr/bin/env bash
# Runs after azd has created the resources: gives the site's identity access to the database. The variables are outputs
# of infra/main.bicep.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ADMIN_NAME=$AZURE_PRINCIPAL_NAME exec infra/database.sh \
  "$AZURE_RESOURCE_GROUP" "$DB_SERVER_NAME" "$DB_NAME" "$IDENTITY_NAME" "$IDENTITY_PRINCIPAL_ID"
