# shellcheck shell=bash source-path=SCRIPTDIR
# PostgreSQL flexible servers.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export AZURE_DEFAULTS_GROUP=demo
server=demo-$RANDOM$RANDOM
password=Riddle-123456
az group create --name demo --location westeurope
az postgres flexible-server list-skus --location westeurope --query "[].supportedServerVersions[].name"
refused az postgres flexible-server create --name "$server" --location westeurope --admin-user ada --admin-password short --public-access None --yes
az postgres flexible-server create --name "$server" --location westeurope --admin-user ada --admin-password $password \
  --microsoft-entra-auth Enabled --sku-name Standard_B1ms --tier Burstable --storage-size 32 --public-access 0.0.0.0 --yes
refused az postgres flexible-server create --name "$server" --location westeurope --admin-user ada --admin-password $password --public-access None --yes
equals "$server.postgres.database.azure.com" postgres flexible-server show --name "$server" --query fullyQualifiedDomainName
equals "$server" postgres flexible-server list --query "[].name"
equals 0.0.0.0 postgres flexible-server firewall-rule list --server-name "$server" --query "[].startIpAddress"
refused grep -r $password "$AZURE_CONFIG_DIR/../state.json"

export PGHOST=$server.postgres.database.azure.com PGSSLMODE=require PGDATABASE=postgres
# sql USER PASSWORD STATEMENT
sql() {
  PGUSER=$1 PGPASSWORD=$2 psql --no-psqlrc --tuples-only --no-align --command "$3"
}
test ada = "$(sql ada $password "select current_user")"
refused sql ada wrong "select 1"

# Databases, whoever creates them.
az postgres flexible-server db create --server-name "$server" --name one
sql ada $password "create database two"
equals $'one\npostgres\ntwo' postgres flexible-server db list --server-name "$server" --query "[].name"
equals UTF8 postgres flexible-server db show --server-name "$server" --name two --query charset
PGDATABASE=one sql ada $password "create table thing ()"
az postgres flexible-server db delete --server-name "$server" --name one --yes
az postgres flexible-server db delete --server-name "$server" --name two --yes
refused az postgres flexible-server db show --server-name "$server" --name two
refused env PGDATABASE=one psql --username ada --command "select 1"

# Entra administrators.
me=$(az ad signed-in-user show --query id --output tsv)
name=$(az ad signed-in-user show --query userPrincipalName --output tsv)
token() {
  az account get-access-token --resource-type oss-rdbms --query accessToken --output tsv
}
refused sql "$name" "$(token)" "select 1"
az postgres flexible-server microsoft-entra-admin create --server-name "$server" --display-name "$name" --object-id "$me" --type User
equals "$name" postgres flexible-server microsoft-entra-admin list --server-name "$server" --query "[].principalName"
test "$name" = "$(sql "$name" "$(token)" "select current_user")"
az postgres flexible-server microsoft-entra-admin delete --server-name "$server" --object-id "$me" --yes
refused sql "$name" "$(token)" "select 1"
az postgres flexible-server microsoft-entra-admin create --server-name "$server" --display-name "$name" --object-id "$me" --type User

# Another password, and none.
az postgres flexible-server update --name "$server" --admin-password Another-123456 --tags purpose=test
equals test postgres flexible-server show --name "$server" --query tags.purpose
az postgres flexible-server update --name "$server" --tier GeneralPurpose --sku-name Standard_D2ds_v5 --backup-retention 14 --yes
az postgres flexible-server update --name "$server" --zonal-resiliency Enabled
equals "14	ZoneRedundant	Healthy" postgres flexible-server show --name "$server" \
  --query "[[backup.backupRetentionDays, highAvailability.mode, highAvailability.state]]"
refused sql ada $password "select 1"
sql ada Another-123456 "alter role ada password 'Own-123456'"
az tag update --resource-id "$(az postgres flexible-server show --name "$server" --query id --output tsv)" --operation merge --tags own=yes
sql ada Own-123456 "select 1"
az postgres flexible-server update --name "$server" --password-auth Disabled
refused sql ada Own-123456 "select 1"
sql "$name" "$(token)" "select 1"

# Server parameters, with a restart where PostgreSQL needs one.
parameter() {
  equals "$1" postgres flexible-server parameter show --server-name "$server" --name "$2" --query "$3"
}
set_parameter() {
  az postgres flexible-server parameter set --server-name "$server" --name "$1" --value "$2"
}
set_parameter work_mem 8192
parameter user-override work_mem source
test 8MB = "$(sql "$name" "$(token)" "show work_mem")"
refused set_parameter max_connections 150
set_parameter max_worker_processes 12
parameter true max_worker_processes isConfigPendingRestart
az postgres flexible-server restart --name "$server"
parameter false max_worker_processes isConfigPendingRestart
test 12 = "$(sql "$name" "$(token)" "show max_worker_processes")"
refused set_parameter work_mem plenty
refused set_parameter archive_command 'rm -rf /'
refused set_parameter no_such_parameter 1
set_parameter azure.extensions pg_trgm
sql "$name" "$(token)" "create extension pg_trgm"
refused sql "$name" "$(token)" "create extension hstore"
# What PostgreSQL takes, but cannot start with, does not stay for ever.
set_parameter shared_buffers 1000000000
az postgres flexible-server restart --name "$server"
test 12 != "$(sql "$name" "$(token)" "show max_worker_processes")"
az postgres flexible-server parameter set --server-name "$server" --name shared_buffers
az postgres flexible-server restart --name "$server"
test 12 = "$(sql "$name" "$(token)" "show max_worker_processes")"
az postgres flexible-server parameter set --server-name "$server" --name work_mem
parameter system-default work_mem source

az postgres flexible-server firewall-rule create --server-name "$server" --name office --start-ip-address 203.0.113.5
refused az postgres flexible-server firewall-rule create --server-name "$server" --name wrong --start-ip-address 1.2.3.5 --end-ip-address 1.2.3.4
az postgres flexible-server firewall-rule delete --server-name "$server" --name office --yes
equals 1 postgres flexible-server firewall-rule list --server-name "$server" --query "length(@)"

# The firewall admits Azure's services, which everything inside is, and this machine's address.
rule=$(az postgres flexible-server firewall-rule list --server-name "$server" --query "[].name" --output tsv)
az postgres flexible-server firewall-rule delete --server-name "$server" --name "$rule" --yes
refused sql "$name" "$(token)" "select 1"
refused sql "$name" "$(token)" "select 1"
address=$(curl --fail --silent --show-error https://api.ipify.org)
test 203.0.113.1 = "$address"
test '{"ip":"203.0.113.1"}' = "$(curl --fail --silent --show-error 'http://api.ipify.org/?format=json')"
az postgres flexible-server firewall-rule create --server-name "$server" --name me --start-ip-address "$address"
sql "$name" "$(token)" "select 1"
az postgres flexible-server firewall-rule update --server-name "$server" --name me --end-ip-address 203.0.113.9
equals 203.0.113.9 postgres flexible-server firewall-rule show --server-name "$server" --name me --query endIpAddress
sql "$name" "$(token)" "select 1"
az postgres flexible-server update --name "$server" --public-access Disabled
refused sql "$name" "$(token)" "select 1"
az postgres flexible-server update --name "$server" --public-access Enabled
sql "$name" "$(token)" "select 1"

# What is not emulated says so.
says "does not have" az postgres flexible-server server-logs list --server-name "$server"
says "does not have" az postgres flexible-server backup list --server-name "$server"
says "does not have" az postgres flexible-server backup create --server-name "$server" --name one
says "does not emulate" az postgres flexible-server replica create --source-server "$server" --name "$server-2" --sku-name Standard_D2ds_v5 --tier GeneralPurpose
says "does not emulate" az postgres flexible-server geo-restore --source-server "$server" --name "$server-2" --location northeurope
says "does not emulate" az postgres flexible-server restore --source-server "$server" --name "$server-2"
says "does not emulate" az postgres flexible-server create --name "$server-2" --location westeurope --admin-user ada \
  --admin-password $password --public-access None --node-count 2 --yes
equals "" postgres flexible-server replica list --name "$server"

az postgres flexible-server stop --name "$server"
equals Stopped postgres flexible-server show --name "$server" --query state
refused sql "$name" "$(token)" "select 1"
refused az postgres flexible-server restart --name "$server"
az postgres flexible-server start --name "$server"
test 12 = "$(sql "$name" "$(token)" "show max_worker_processes")"
az postgres flexible-server show-connection-string --server-name "$server"

# A server that is created again has nothing of the first.
sql "$name" "$(token)" "create database leftover"
az postgres flexible-server delete --name "$server" --yes
test ! -e "$AZURE_CONFIG_DIR/../postgres/$server"
az postgres flexible-server create --name "$server" --location westeurope --admin-user ada --admin-password $password \
  --version 11 --yes
equals 203.0.113.1 postgres flexible-server firewall-rule list --server-name "$server" --query "[].startIpAddress"
sql ada $password "select 1"
equals postgres postgres flexible-server db list --server-name "$server" --query "[].name"
refused az postgres flexible-server microsoft-entra-admin create --server-name "$server" --display-name "$name" --object-id "$me" --type User
says "does not upgrade" az postgres flexible-server upgrade --name "$server" --version 18 --yes
says "does not have" az postgres flexible-server upgrade --name "$server" --version 18 --validate

az group delete --name demo --yes
test ! -e "$AZURE_CONFIG_DIR/../postgres/$server"
refused az postgres flexible-server show --name "$server"
