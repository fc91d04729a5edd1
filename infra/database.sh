#!/usr/bin/env bash
# Gives a managed identity access to the database: runs infra/database.sql as the Entra administrator who is signed
# in to the Azure CLI. It is safe to run it again.
#
#   infra/database.sh RESOURCE_GROUP SERVER DATABASE IDENTITY PRINCIPAL_ID
#
# ADMIN_NAME   the administrator's name, if it is not the user name of `az login`; for a service principal, its display
#              name
# CLIENT_IP    this machine's public address, if it cannot be detected
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=infra/lib.sh
source infra/lib.sh

(($# == 5)) || fail "usage: infra/database.sh RESOURCE_GROUP SERVER DATABASE IDENTITY PRINCIPAL_ID"
group=$1 server=$2 database=$3 identity=$4 principal_id=$5

if ! is_dry_run; then
  need "az" "See https://learn.microsoft.com/cli/azure/install-azure-cli"
  need "psql" "Install PostgreSQL's client. On Debian or Ubuntu: sudo apt-get install postgresql-client"
  need "curl" "On Debian or Ubuntu: sudo apt-get install curl"
fi
need_login

host=$(value "$server.postgres.database.azure.com" az postgres flexible-server show \
  --resource-group "$group" --name "$server" --query fullyQualifiedDomainName --output tsv)
admin=${ADMIN_NAME:-$(value "admin@example.com" az ad signed-in-user show --query userPrincipalName --output tsv)}

# The server's firewall admits Azure's services but not this machine, so it is opened while the script runs.
address=${CLIENT_IP:-}
if [[ -z $address ]]; then
  if is_dry_run; then
    address=203.0.113.1
  else
    address=$(curl --fail --silent --show-error --max-time 20 https://api.ipify.org) ||
      fail "Cannot detect this machine's public address. Set it: CLIENT_IP=203.0.113.1"
  fi
fi
[[ $address =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "\"$address\" is not an IPv4 address. Set CLIENT_IP to this machine's public IPv4 address."
rule="database-sh"
close_firewall() {
  run az postgres flexible-server firewall-rule delete \
    --resource-group "$group" --server-name "$server" --name "$rule" --yes
}
trap close_firewall EXIT
run az postgres flexible-server firewall-rule create \
  --resource-group "$group" --server-name "$server" --name "$rule" \
  --start-ip-address "$address" --end-ip-address "$address"

# The token is the password. psql reads it from the environment, which other users of this machine cannot see.
if is_dry_run; then
  print_command az account get-access-token --resource-type oss-rdbms --query accessToken --output tsv
else
  PGPASSWORD=$(az account get-access-token --resource-type oss-rdbms --query accessToken --output tsv)
  export PGPASSWORD
fi
# psql sends the token only to a server whose certificate this machine trusts.
export PGSSLMODE=verify-full PGCONNECT_TIMEOUT=20
if [[ -z ${PGSSLROOTCERT:-} ]]; then
  PGSSLROOTCERT=system # psql 16 and later
  for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    if [[ -e $file ]]; then
      PGSSLROOTCERT=$file
      break
    fi
  done
  export PGSSLROOTCERT
fi
run psql --no-psqlrc --quiet --no-password --host "$host" --username "$admin" --dbname postgres \
  --set "identity=$identity" --set "identity_oid=$principal_id" --set "database=$database" \
  --file infra/database.sql
