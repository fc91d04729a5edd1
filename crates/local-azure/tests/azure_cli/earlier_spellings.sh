# shellcheck shell=bash source-path=SCRIPTDIR
# Spellings of 2023 that Local Azure's extension of the CLI keeps: first the four of the tutorial, as it has them.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

LOCATION=westeurope
RESOURCE_GROUP_NAME=msdocs-mi-web-app
DB_SERVER_NAME=msdocs-$RANDOM$RANDOM
ADMIN_USER=demoadmin
ADMIN_PW=Riddle-123456
SUBSCRIPTION_ID=$(az account show --query id --output tsv)
ACCOUNT_EMAIL=$(az ad signed-in-user show --query userPrincipalName --output tsv)
ACCOUNT_ID=$(az ad signed-in-user show --query id --output tsv)
az group create --location $LOCATION --name $RESOURCE_GROUP_NAME

az postgres flexible-server create \
  --resource-group $RESOURCE_GROUP_NAME \
  --name $DB_SERVER_NAME \
  --location $LOCATION \
  --admin-user $ADMIN_USER \
  --admin-password $ADMIN_PW \
  --sku-name Standard_D2ds_v4 \
  --active-directory-auth Enabled \
  --public-access 0.0.0.0

az postgres flexible-server ad-admin create \
  --resource-group $RESOURCE_GROUP_NAME \
  --server-name $DB_SERVER_NAME \
  --display-name "$ACCOUNT_EMAIL" \
  --object-id "$ACCOUNT_ID" \
  --type User

az postgres flexible-server execute \
  --name $DB_SERVER_NAME \
  --admin-user $ADMIN_USER \
  --admin-password $ADMIN_PW \
  --database-name postgres \
  --querytext 'create database restaurant;'

UAClientID=$(az identity create --name UAManagedIdentityPythonTest --resource-group $RESOURCE_GROUP_NAME --query clientId --output tsv)
az role assignment create \
  --assignee "$UAClientID" \
  --resource-group $RESOURCE_GROUP_NAME \
  --role "Storage Blob Data Contributor" \
  --scope "/subscriptions/$SUBSCRIPTION_ID/resourcegroups/$RESOURCE_GROUP_NAME"

ACCOUNT_EMAIL_TOKEN=$(az account get-access-token --resource-type oss-rdbms --output tsv --query accessToken)
az postgres flexible-server execute \
  --name $DB_SERVER_NAME \
  --admin-user "$ACCOUNT_EMAIL" \
  --admin-password "$ACCOUNT_EMAIL_TOKEN" \
  --database-name postgres \
  --querytext "select * from pgaadauth_create_principal('UAManagedIdentityPythonTest', false, false);select * from pgaadauth_list_principals(false);" \
  --output table

# They have done what today's spellings do.
export AZURE_DEFAULTS_GROUP=$RESOURCE_GROUP_NAME
equals Enabled postgres flexible-server show --name $DB_SERVER_NAME --query authConfig.activeDirectoryAuth
equals "$ACCOUNT_EMAIL" postgres flexible-server microsoft-entra-admin list --server-name $DB_SERVER_NAME --query "[].principalName"
equals $'postgres\nrestaurant' postgres flexible-server db list --server-name $DB_SERVER_NAME --query "[].name"
equals "/subscriptions/$SUBSCRIPTION_ID/resourcegroups/$RESOURCE_GROUP_NAME" role assignment list --assignee "$UAClientID" --query "[].scope"

# The other commands for administrators.
equals "$ACCOUNT_EMAIL" postgres flexible-server ad-admin list --server-name $DB_SERVER_NAME --query "[].principalName"
equals User postgres flexible-server ad-admin show --server-name $DB_SERVER_NAME --object-id "$ACCOUNT_ID" --query principalType
az postgres flexible-server ad-admin delete --server-name $DB_SERVER_NAME --object-id "$ACCOUNT_ID" --yes
az postgres flexible-server ad-admin wait --server-name $DB_SERVER_NAME --object-id "$ACCOUNT_ID" --deleted
az postgres flexible-server microsoft-entra-admin create --server-name $DB_SERVER_NAME --display-name "$ACCOUNT_EMAIL" --object-id "$ACCOUNT_ID"

# Rows, and none.
execute() {
  az postgres flexible-server execute --name $DB_SERVER_NAME --admin-user $ADMIN_USER --admin-password $ADMIN_PW "$@"
}
rows() {
  test "$1" = "$(execute --querytext "$2" --output json | tr --delete ' \n')"
}
rows '[{"a":"1","b":null},{"a":"","b":"x|y\n(1row)"}]' \
  "select 0 as other; select * from (values ('1', null), ('', E'x|y\\n(1row)')) as t (a, b); select 1 where false; set work_mem to default"
rows '' 'create table thing ()'
rows '' ' '
file=$(mktemp)
echo 'create database one; create database two; select current_user as name' >"$file"
test $ADMIN_USER = "$(execute --file-path "$file" --output tsv)"
test restaurant = "$(execute -d restaurant -q "select current_database()" --output tsv)"
says "Successfully connected to $DB_SERVER_NAME" execute --querytext "select no_such_column"
az postgres flexible-server connect --name $DB_SERVER_NAME --admin-user $ADMIN_USER --admin-password $ADMIN_PW
test $ADMIN_USER = "$(az postgres flexible-server connect -n $DB_SERVER_NAME -u $ADMIN_USER -p $ADMIN_PW --interactive <<<'\echo :USER')"

# What fails, and says why.
says 'column "no_such_column" does not exist' execute --querytext "select no_such_column"
says 'database "one" already exists' execute --file-path "$file"
says "No such file" execute --file-path /no/such/file
says "not both" execute --querytext "select 1" --file-path "$file"
says "Use --querytext or --file-path" execute
says "authentication failed" execute --admin-password wrong --querytext "select 1"
says "Unable to connect" execute --name no-such-server --querytext "select 1"
says "psql is not installed" env PATH=/no/such/folder "$(command -v python3)" -c "
import sys
sys.path.insert(0, '$AZURE_EXTENSION_DIR/local-azure')
from pathlib import Path
from azext_local_azure import sql
Path.glob = lambda *_: []
sql.find()"
rm "$file"

# The authentication of a server, in both spellings.
authentication() {
  az postgres flexible-server update --name $DB_SERVER_NAME "$@" --yes
  equals "$2" postgres flexible-server show --name $DB_SERVER_NAME --query authConfig.activeDirectoryAuth
}
authentication --active-directory-auth Disabled
authentication --microsoft-entra-auth Enabled
authentication --active-directory-auth Enabled
says "update --active-directory-auth', which works only in Local Azure's shell. Elsewhere, use --microsoft-entra-auth" az postgres flexible-server update --name no-such-server --active-directory-auth Enabled

# A group is the scope if there is none, and the scope wins. One of them is needed, and neither may be empty.
assign() {
  az role assignment create --assignee "$UAClientID" --query scope --output tsv "$@"
}
group=/subscriptions/$SUBSCRIPTION_ID/resourceGroups/$RESOURCE_GROUP_NAME
test "$group" = "$(assign --role Reader)"
az group create --location $LOCATION --name other
test "${group%/*}/other" = "$(assign --role Reader --resource-group other)"
test "${group%/*}/other" = "$(assign --role Contributor --resource-group $RESOURCE_GROUP_NAME --scope "${group%/*}/other")"
test "$group" = "$(assign --role Contributor --scope "$group")"
unset AZURE_DEFAULTS_GROUP
equals 2 role assignment list --assignee "$UAClientID" --resource-group other --query "length(@)"
az role assignment delete --assignee "$UAClientID" --resource-group other
equals 0 role assignment list --assignee "$UAClientID" --resource-group other --query "length(@)"
says "are required: --scope" assign --role Reader
says "can't be an empty string" assign --role Reader --scope ""
says "Elsewhere, use --scope" assign --role "no such role" --resource-group other
if az role assignment create --assignee "$UAClientID" --role Reader --scope "$group" 2>&1 | grep --quiet extension; then
  echo "Today's spelling is as it was, and az should not say otherwise." >&2
  exit 1
fi
