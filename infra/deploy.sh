#!/usr/bin/env bash
# Deploys the site to Azure App Service, with PostgreSQL and Blob Storage and without passwords. It is docs/tutorial.md
# as one script. Run it again to continue after a failure, or to apply a change.
#
#   infra/deploy.sh              create or update everything
#   infra/deploy.sh --dry-run    print the commands without running them
#   infra/deploy.sh --delete     ask, then delete everything
#
# The first run writes the names to .azure/deploy.env. To choose them yourself, set these before the first run:
#   LOCATION RESOURCE_GROUP APP_NAME PLAN_NAME PLAN_SKU DB_SERVER DB_SKU DB_TIER STORAGE_ACCOUNT IDENTITY
# To open the staff pages, set ADMIN_PRINCIPALS to the accounts that may use them; see docs/staff.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=infra/lib.sh
source infra/lib.sh
# shellcheck source=infra/staff.sh
source infra/staff.sh

state=.azure/deploy.env
package=dist/restaurant-review.zip
action=deploy
for argument in "$@"; do
  case $argument in
  --dry-run) export DRY_RUN=1 ;;
  --delete) action=delete ;;
  *)
    sed -n '2,/^set /{s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
    [[ $argument == --help ]] && exit 0
    fail "unknown option: $argument"
    ;;
  esac
done

# --- Requirements --------------------------------------------------------------------------------------

if ! is_dry_run; then
  need "az" "See https://learn.microsoft.com/cli/azure/install-azure-cli"
  if [[ $action == deploy ]]; then
    need "psql" "Install PostgreSQL's client. On Debian or Ubuntu: sudo apt-get install postgresql-client"
    need "python3" "On Debian or Ubuntu: sudo apt-get install python3"
    need "git" "On Debian or Ubuntu: sudo apt-get install git"
    need "curl" "On Debian or Ubuntu: sudo apt-get install curl"
  fi
fi
need_login

# --- The names -----------------------------------------------------------------------------------------

names=(LOCATION RESOURCE_GROUP APP_NAME PLAN_NAME PLAN_SKU DB_SERVER DB_SKU DB_TIER STORAGE_ACCOUNT IDENTITY
  ADMIN_PRINCIPALS)

# A variable in the environment takes precedence over a name from the first run.
if [[ -e $state ]]; then
  while IFS='=' read -r name chosen; do
    [[ " ${names[*]} " != *" $name "* ]] || [[ -n ${!name:-} ]] || declare "$name=$chosen"
  done <"$state"
elif [[ $action == delete ]] && ! is_dry_run; then
  fail "There is nothing to delete: the file $state, which the first run writes, does not exist."
fi
# Some names must be unique in all of Azure, hence the suffix.
if is_dry_run; then suffix=12345; else suffix=$(printf '%05d' $((RANDOM * 3 % 100000))); fi
: "${LOCATION:=eastus}"
: "${RESOURCE_GROUP:=restaurant-review}"
: "${APP_NAME:=restaurant-review-$suffix}"
: "${PLAN_NAME:=restaurant-review-plan}" "${PLAN_SKU:=B1}"
: "${DB_SERVER:=restaurant-review-db-$suffix}" "${DB_SKU:=Standard_B1ms}" "${DB_TIER:=Burstable}"
: "${STORAGE_ACCOUNT:=restaurantreview$suffix}"
: "${IDENTITY:=restaurant-review-identity}"
: "${ADMIN_PRINCIPALS:=}"
staff_app=$APP_NAME-staff
database=restaurant
container=photos
if [[ $action == deploy ]] && ! is_dry_run; then
  mkdir -p "$(dirname "$state")"
  for name in "${names[@]}"; do
    printf '%s=%s\n' "$name" "${!name}"
  done >"$state.new"
  mv "$state.new" "$state"
fi

# --- Delete --------------------------------------------------------------------------------------------

if [[ $action == delete ]]; then
  say "Delete the resource group $RESOURCE_GROUP and everything in it"
  if ! is_dry_run; then
    az resource list --resource-group "$RESOURCE_GROUP" --query "[].{name:name, type:type}" --output table
    printf '\nThis deletes all restaurants, reviews, photos and backups. Type the name of the resource group to confirm: '
    read -r answer || answer=''
    [[ $answer == "$RESOURCE_GROUP" ]] || fail "The name does not match. Nothing was deleted."
  fi
  # The app registration of the staff pages is in the directory, not in the group.
  if [[ -n $ADMIN_PRINCIPALS ]]; then
    staff_client_id=$(value "00000000-0000-0000-0000-000000000004" az ad app list \
      --filter "displayName eq '$staff_app'" --query "[].appId" --output tsv)
    [[ -z $staff_client_id ]] || run az ad app delete --id "$staff_client_id"
  fi
  run az group delete --name "$RESOURCE_GROUP" --yes
  is_dry_run || rm -f "$state"
  exit 0
fi

# --- Create or update ----------------------------------------------------------------------------------

in_group=(--resource-group "$RESOURCE_GROUP")

say "Resource group $RESOURCE_GROUP in $LOCATION"
run az group create --name "$RESOURCE_GROUP" --location "$LOCATION"

say "PostgreSQL server $DB_SERVER, which accepts only Entra tokens (takes several minutes)"
if ! exists az postgres flexible-server show "${in_group[@]}" --name "$DB_SERVER"; then
  run az postgres flexible-server create "${in_group[@]}" --name "$DB_SERVER" --location "$LOCATION" \
    --version 17 --tier "$DB_TIER" --sku-name "$DB_SKU" --storage-size 32 \
    --microsoft-entra-auth Enabled --password-auth Disabled --public-access Enabled --yes
fi
# The address 0.0.0.0 means Azure's own services. The rule is a separate step because `create` adds its rule only after
# it has created the server: if adding the rule failed, later runs would skip `create` and never add it.
run az postgres flexible-server firewall-rule create "${in_group[@]}" --server-name "$DB_SERVER" \
  --name AllowAzureServices --start-ip-address 0.0.0.0 --end-ip-address 0.0.0.0

say "You become its administrator"
admin=$(value "admin@example.com" az ad signed-in-user show --query userPrincipalName --output tsv)
admin_id=$(value "00000000-0000-0000-0000-000000000001" az ad signed-in-user show --query id --output tsv)
run az postgres flexible-server microsoft-entra-admin create "${in_group[@]}" --server-name "$DB_SERVER" \
  --display-name "$admin" --object-id "$admin_id" --type User

say "Database $database"
run az postgres flexible-server db create "${in_group[@]}" --server-name "$DB_SERVER" --name "$database"
db_host=$(value "$DB_SERVER.postgres.database.azure.com" az postgres flexible-server show \
  "${in_group[@]}" --name "$DB_SERVER" --query fullyQualifiedDomainName --output tsv)

say "Web app $APP_NAME on plan $PLAN_NAME ($PLAN_SKU)"
run az appservice plan create "${in_group[@]}" --name "$PLAN_NAME" --location "$LOCATION" --is-linux --sku "$PLAN_SKU"
if ! exists az webapp show "${in_group[@]}" --name "$APP_NAME"; then
  run az webapp create "${in_group[@]}" --name "$APP_NAME" --plan "$PLAN_NAME" --runtime PYTHON:3.13 --https-only true
fi
# All instances show the same data, so no visitor has to stay on one.
run az webapp update "${in_group[@]}" --name "$APP_NAME" --client-affinity-enabled false
# The plans F1 and D1 do not offer Always On.
always_on=true
[[ $PLAN_SKU != F1 && $PLAN_SKU != D1 ]] || always_on=false
run az webapp config set "${in_group[@]}" --name "$APP_NAME" --startup-file "exec sh ./start.sh" \
  --always-on "$always_on" --ftps-state Disabled --min-tls-version 1.2 --http20-enabled true \
  --generic-configurations '{"healthCheckPath": "/readyz"}'
run az webapp log config "${in_group[@]}" --name "$APP_NAME" --docker-container-logging filesystem
# Publishing also accepts only Entra tokens: FTP and the deployment service have no passwords.
for service in ftp scm; do
  run az resource update "${in_group[@]}" --namespace Microsoft.Web --parent "sites/$APP_NAME" \
    --resource-type basicPublishingCredentialsPolicies --name "$service" --set properties.allow=false
done

say "Storage account $STORAGE_ACCOUNT with the private container $container"
if ! exists az storage account show "${in_group[@]}" --name "$STORAGE_ACCOUNT"; then
  run az storage account create "${in_group[@]}" --name "$STORAGE_ACCOUNT" --location "$LOCATION" \
    --sku Standard_LRS --kind StorageV2 --https-only true --min-tls-version TLS1_2 \
    --allow-blob-public-access false --allow-shared-key-access false
fi
run az storage container-rm create "${in_group[@]}" --storage-account "$STORAGE_ACCOUNT" --name "$container"
storage_id=$(value "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/$RESOURCE_GROUP/providers/Microsoft.Storage/storageAccounts/$STORAGE_ACCOUNT" \
  az storage account show "${in_group[@]}" --name "$STORAGE_ACCOUNT" --query id --output tsv)

say "Managed identity $IDENTITY, assigned to the web app"
run az identity create "${in_group[@]}" --name "$IDENTITY" --location "$LOCATION"
identity_id=$(value "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/$RESOURCE_GROUP/providers/Microsoft.ManagedIdentity/userAssignedIdentities/$IDENTITY" \
  az identity show "${in_group[@]}" --name "$IDENTITY" --query id --output tsv)
client_id=$(value "00000000-0000-0000-0000-000000000002" \
  az identity show "${in_group[@]}" --name "$IDENTITY" --query clientId --output tsv)
principal_id=$(value "00000000-0000-0000-0000-000000000003" \
  az identity show "${in_group[@]}" --name "$IDENTITY" --query principalId --output tsv)
run az webapp identity assign "${in_group[@]}" --name "$APP_NAME" --identities "$identity_id"

say "Allow the identity to write to the storage account"
run az role assignment create --role "Storage Blob Data Contributor" --scope "$storage_id" \
  --assignee-object-id "$principal_id" --assignee-principal-type ServicePrincipal

say "Allow the identity to sign in to the database"
ADMIN_NAME=$admin infra/database.sh "$RESOURCE_GROUP" "$DB_SERVER" "$database" "$IDENTITY" "$principal_id"

say "Settings of the web app"
run az webapp config appsettings set "${in_group[@]}" --name "$APP_NAME" --settings \
  "DBHOST=$db_host" "DBNAME=$database" "DBUSER=$IDENTITY" \
  "STORAGE_ACCOUNT_NAME=$STORAGE_ACCOUNT" "STORAGE_CONTAINER_NAME=$container" "AZURE_CLIENT_ID=$client_id" \
  SCM_DO_BUILD_DURING_DEPLOYMENT=false \
  WEBSITE_WARMUP_PATH=/readyz WEBSITE_WARMUP_STATUSES=200 \
  WEBSITE_SWAP_WARMUP_PING_PATH=/readyz WEBSITE_SWAP_WARMUP_PING_STATUSES=200 \
  WEBSITES_CONTAINER_START_TIME_LIMIT=600 WEBSITES_CONTAINER_STOP_TIME_LIMIT=30

host_name=$(value "$APP_NAME.azurewebsites.net" az webapp show "${in_group[@]}" --name "$APP_NAME" \
  --query defaultHostName --output tsv)

if [[ -n $ADMIN_PRINCIPALS ]]; then
  say "Staff pages for $ADMIN_PRINCIPALS, who sign in by App Service Authentication"
  staff_client_id=$(create_staff_app "$staff_app")
  connect_staff_app "$staff_client_id" "$host_name" "$principal_id"
  tenant=$(value "00000000-0000-0000-0000-000000000005" az account show --query tenantId --output tsv)
  app_id=$(value "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/$RESOURCE_GROUP/providers/Microsoft.Web/sites/$APP_NAME" \
    az webapp show "${in_group[@]}" --name "$APP_NAME" --query id --output tsv)
  run az webapp config appsettings set "${in_group[@]}" --name "$APP_NAME" --settings \
    "ADMIN_PRINCIPALS=$ADMIN_PRINCIPALS" "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID=$client_id"
  run az rest --method put --url "$app_id/config/authsettingsV2?api-version=2024-04-01" \
    --body "$(sed "s/TENANT_ID/$tenant/; s/STAFF_CLIENT_ID/$staff_client_id/" infra/authentication.json)"
fi

say "Build the package"
run ./package.sh
is_dry_run || [[ -e $package ]] || fail "./package.sh succeeded but did not create $package."

say "Deploy the package, and wait for its start, for at most 15 minutes"
# az takes this limit in seconds, although its help says milliseconds.
run az webapp deploy "${in_group[@]}" --name "$APP_NAME" --src-path "$package" --type zip \
  --track-status true --timeout 900 || fail "The package was not deployed, or did not start in time.
See the site's log: az webapp log tail --resource-group $RESOURCE_GROUP --name $APP_NAME
It is safe to run this script again."

say "Wait until the site is ready (a new role assignment can take ten minutes to take effect)"
if is_dry_run; then
  print_command curl --fail --silent "https://$host_name/readyz?strict"
else
  tries=60
  # Strict: photos can be stored, too.
  until answer=$(curl --silent --max-time 30 "https://$host_name/readyz?strict") && [[ $answer == '{"ready":true}' ]]; do
    ((tries -= 1)) || fail "The site is not ready: $answer
See its log: az webapp log tail --resource-group $RESOURCE_GROUP --name $APP_NAME
It is safe to run this script again."
    sleep 15
  done
fi
printf '\nThe site is running: https://%s\nTo delete it: infra/deploy.sh --delete\n' "$host_name"
