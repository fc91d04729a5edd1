# shellcheck shell=bash source-path=SCRIPTDIR
# App Service plans and web apps.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

az group create --name web --location westeurope
az configure --defaults group=web
group=$(az group show --name web --query id --output tsv)

# Plans.
az appservice plan create --name plan --sku B1 --is-linux
equals B1 appservice plan show --name plan --query sku.name
equals 1 appservice plan list --query "length(@)"
az appservice plan update --name plan --sku B2 --number-of-workers 3
equals "B2	3" appservice plan show --name plan --query "[[sku.name, sku.capacity]]"
says "at most 3" az appservice plan update --name plan --number-of-workers 4
says "is not valid" az appservice plan create --name other --sku WS1 --is-linux
equals true appservice list-locations --sku B1 --query "contains([].name, 'West Europe')"
equals 1 webapp list-runtimes --os-type linux --query "length([?contains(config, '20-lts')])"

# Apps.
az webapp create --name contoso --plan plan --runtime PYTHON:3.13 --https-only true --startup-file "./start.sh" \
  --basic-auth Disabled --public-network-access Enabled --tags env=test
equals contoso.azurewebsites.net webapp show --name contoso --query defaultHostName
equals "True	test	PYTHON|3.13" webapp show --name contoso --query "[[httpsOnly, tags.env, siteConfig.linuxFxVersion]]"
equals 1 webapp list --query "length(@)"
equals contoso rest --method get --query "value[].name" \
  --url "$group/providers/Microsoft.Web/serverfarms/plan/sites?api-version=2025-05-01"
az webapp update --name contoso --https-only false --client-affinity-enabled false --set tags.env=prod
equals "False	False	prod" webapp show --name contoso --query "[[httpsOnly, clientAffinityEnabled, tags.env]]"
equals 0 webapp list-instances --name contoso --query "length(@)"
equals contoso.azurewebsites.net webapp config hostname list --webapp-name contoso --query "[].name"
equals 0 webapp deployment slot list --name contoso --query "length(@)"
says "does not have" az webapp deployment slot create --name contoso --slot staging
equals "" webapp deployment source show --name contoso --query repoUrl
says "does not have" az webapp config backup list --webapp-name contoso
says "does not have" az webapp config snapshot list --name contoso

# Configuration.
az webapp config appsettings set --name contoso --settings A=1 B=2 C.d=3 --slot-settings E=4
az webapp config appsettings delete --name contoso --setting-names A
equals "B C.d E" webapp config appsettings list --name contoso --query "join(' ', [].name)"
equals E webapp config appsettings list --name contoso --query "[?slotSetting].name"
says "is not allowed" az webapp config appsettings set --name contoso --settings Logging:Level=x
az webapp config connection-string set --name contoso --connection-string-type PostgreSQL --settings db=Server=x old=y
az webapp config connection-string delete --name contoso --setting-names old
equals "db	Server=x	PostgreSQL" webapp config connection-string list --name contoso --query "[].[name, value, type]"
equals ./start.sh webapp config show --name contoso --query appCommandLine
az webapp config set --name contoso --startup-file "./run.sh" --always-on true --ftps-state Disabled \
  --min-tls-version 1.2 --http20-enabled true --number-of-workers 2 --generic-configurations '{"healthCheckPath": "/readyz"}'
equals "./run.sh	True	Disabled	True	2	/readyz" webapp config show --name contoso \
  --query "[[appCommandLine, alwaysOn, ftpsState, http20Enabled, numberOfWorkers, healthCheckPath]]"
az webapp config set --name contoso --linux-fx-version "NODE|22-lts"
says "does not run containers" az webapp config container set --name contoso --container-image-name contoso.azurecr.io/site:1
equals "NODE|22-lts	/readyz" webapp config show --name contoso --query "[[linuxFxVersion, healthCheckPath]]"
az webapp cors add --name contoso --allowed-origins https://contoso.com
equals https://contoso.com webapp cors show --name contoso --query allowedOrigins
equals "" webapp traffic-routing show --name contoso
equals "" webapp config storage-account list --name contoso

# App Service Authentication: the classic form, and then that of a deployment.
equals false webapp auth show --name contoso --query enabled
client=$(az ad app create --display-name contoso --enable-id-token-issuance true --query appId --output tsv \
  --web-redirect-uris https://contoso.azurewebsites.net/.auth/login/aad/callback)
az webapp auth update --name contoso --enabled true --action LoginWithAzureActiveDirectory --token-store true \
  --aad-client-id "$client" --aad-client-secret s3cret --allowed-external-redirect-urls https://contoso.com/
equals "True	RedirectToLoginPage	True	$client	https://contoso.com/" webapp auth show --name contoso \
  --query "[[enabled, unauthenticatedClientAction, tokenStoreEnabled, clientId, allowedExternalRedirectUrls[0]]]"
az webapp auth update --name contoso --action AllowAnonymous
equals "AllowAnonymous	$client" webapp auth show --name contoso --query "[[unauthenticatedClientAction, clientId]]"
says "Microsoft Entra only" az webapp auth update --name contoso --google-client-id x
auth="$group/providers/Microsoft.Web/sites/contoso/config/authsettingsV2?api-version=2025-05-01"
equals true rest --method get --url "$auth" --query properties.login.tokenStore.enabled
az rest --method put --url "$auth" --body '{"properties": {"platform": {"enabled": false}}}'
says "running on auth version v2" az webapp auth update --name contoso --enabled true
az ad app delete --id "$client"
az webapp log config --name contoso --docker-container-logging filesystem
equals true webapp log show --name contoso --query httpLogs.fileSystem.enabled

# The publishing user.
policy=(--namespace Microsoft.Web --parent sites/contoso --resource-type basicPublishingCredentialsPolicies)
equals false resource show "${policy[@]}" --name scm --query properties.allow
equals REDACTED webapp deployment list-publishing-credentials --name contoso --query publishingPassword
for service in ftp scm; do
  az resource update "${policy[@]}" --name "$service" --set properties.allow=true
done
password=$(az webapp deployment list-publishing-credentials --name contoso --query publishingPassword --output tsv)
test ${#password} = 60
equals "$password" webapp deployment list-publishing-profiles --name contoso \
  --query "[?publishMethod=='ZipDeploy'].userPWD"
az webapp deployment list-publishing-profiles --name contoso --xml | grep --quiet 'publishMethod="FTP"'
az rest --method post --url "$group/providers/Microsoft.Web/sites/contoso/newpassword?api-version=2025-05-01"
test "$password" != "$(az webapp deployment list-publishing-credentials --name contoso --query publishingPassword --output tsv)"

# Identities. What was configured stays.
az identity create --name web-id
id=$(az identity show --name web-id --query id --output tsv)
az webapp identity assign --name contoso --identities "$id"
equals contoso identity list-resources --name web-id --resource-group web --query "[].name"
az webapp identity remove --name contoso --identities "$id"
equals "./run.sh	/readyz" webapp config show --name contoso --query "[[appCommandLine, healthCheckPath]]"
equals db webapp config connection-string list --name contoso --query "[].name"
az webapp create --name fabrikam --plan plan --runtime NODE:24-lts --assign-identity "[system]" --role Reader --scope "$group"
principal=$(az webapp identity show --name fabrikam --query principalId --output tsv)
equals Reader role assignment list --assignee-object-id "$principal" --scope "$group" --query "[].roleDefinitionName"

az webapp stop --name contoso
equals Stopped webapp show --name contoso --query state
az webapp start --name contoso
equals Running webapp show --name contoso --query state
az webapp restart --name contoso
refused az appservice plan delete --name plan --yes
az webapp delete --name contoso
az webapp delete --name fabrikam --keep-empty-plan
equals 0 appservice plan show --name plan --query properties.numberOfSites
az appservice plan delete --name plan --yes
# A plan is deleted with its last app.
az appservice plan create --name plan --sku F1 --is-linux
az webapp create --name contoso --plan plan --runtime PYTHON:3.13
says "AlwaysOn cannot be set" az webapp config set --name contoso --always-on true
az webapp delete --name contoso
equals "" appservice plan list
az group delete --name web --yes
