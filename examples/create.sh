#!/usr/bin/env bash
# Creates what an example needs, in a shell of Local Azure or in Azure: a web app with an identity of its own, and a
# PostgreSQL server and a storage account that accept tokens of this identity, but no password and no key.
#
#   create.sh NAME RUNTIME [STARTUP_COMMAND]
#
# NAME      the name of the web app, of the server and of everything else. It must be unique in Azure: at most 24
#           lower-case letters, digits and hyphens
# RUNTIME   PYTHON:3.13 or NODE:22-lts
#
# Two variables change what it does:
#
# BUILD           false if nothing is to be built after a deployment, as for a program in Rust
# PGSSLROOTCERT   the certificates that this system trusts, if they are not where Debian has them
set -euo pipefail
NAME=$1 RUNTIME=$2 STARTUP_COMMAND=${3:-}
ACCOUNT=${NAME//-/} # without hyphens, which a storage account cannot have
export AZURE_CORE_OUTPUT=none

az group create --name "$NAME" --location westeurope

# The server has no password. You are its administrator, by your own token.
az postgres flexible-server create --name "$NAME" --resource-group "$NAME" --location westeurope --version 17 \
  --tier Burstable --sku-name Standard_B1ms --microsoft-entra-auth Enabled --password-auth Disabled \
  --public-access 0.0.0.0 --yes
ME=$(az ad signed-in-user show --query userPrincipalName --output tsv)
MY_ID=$(az ad signed-in-user show --query id --output tsv)
az postgres flexible-server microsoft-entra-admin create --server-name "$NAME" --resource-group "$NAME" \
  --display-name "$ME" --object-id "$MY_ID" --type User
az postgres flexible-server db create --server-name "$NAME" --resource-group "$NAME" --name files

# The storage account accepts no key.
STORAGE_ID=$(az storage account create --name "$ACCOUNT" --resource-group "$NAME" --location westeurope \
  --sku Standard_LRS --allow-shared-key-access false --query id --output tsv)
az storage container-rm create --storage-account "$ACCOUNT" --resource-group "$NAME" --name files

# The web app. Its identity may read and write blobs in this account.
az appservice plan create --name "$NAME" --resource-group "$NAME" --location westeurope --is-linux --sku B1
PRINCIPAL_ID=$(az webapp create --name "$NAME" --resource-group "$NAME" --plan "$NAME" --runtime "$RUNTIME" \
  --startup-file "$STARTUP_COMMAND" --assign-identity '[system]' \
  --role "Storage Blob Data Contributor" --scope "$STORAGE_ID" --query identity.principalId --output tsv)

# The database has a role for the identity, which may create tables. The firewall admits this machine meanwhile.
ADDRESS=$(curl --fail --silent --show-error https://api.ipify.org)
az postgres flexible-server firewall-rule create --server-name "$NAME" --resource-group "$NAME" --name me \
  --start-ip-address "$ADDRESS" --end-ip-address "$ADDRESS"
PGPASSWORD=$(az account get-access-token --resource-type oss-rdbms --query accessToken --output tsv)
export PGPASSWORD PGUSER=$ME PGHOST=$NAME.postgres.database.azure.com
export PGSSLMODE=verify-full PGSSLROOTCERT=${PGSSLROOTCERT:-/etc/ssl/certs/ca-certificates.crt}
psql --no-psqlrc --quiet --output /dev/null --set ON_ERROR_STOP=1 --dbname postgres \
  --set name="$NAME" --set id="$PRINCIPAL_ID" <<'SQL'
select pgaadauth_create_principal_with_oid(:'name', :'id', 'service', false, false);
\connect files
grant create on schema public to :"name";
SQL
az postgres flexible-server firewall-rule delete --server-name "$NAME" --resource-group "$NAME" --name me --yes

# All settings of the app: names and addresses.
az webapp config appsettings set --name "$NAME" --resource-group "$NAME" --settings \
  PGHOST="$PGHOST" PGDATABASE=files PGUSER="$NAME" STORAGE_URL="https://$ACCOUNT.blob.core.windows.net" \
  SCM_DO_BUILD_DURING_DEPLOYMENT="${BUILD:-true}"
