# shellcheck shell=bash source-path=SCRIPTDIR
# App Service plans and web apps.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

az group create --name web --location westeurope
az appservice plan create --name plan --resource-group web --sku B1 --is-linux
equals B1 appservice plan show --name plan --resource-group web --query sku.name
equals 1 appservice plan list --resource-group web --query "length(@)"
az webapp create --name contoso --resource-group web --plan plan --runtime PYTHON:3.13
equals contoso.azurewebsites.net webapp show --name contoso --resource-group web --query defaultHostName
equals 1 webapp list --resource-group web --query "length(@)"

az webapp config appsettings set --name contoso --resource-group web --settings A=1 B=2
az webapp config appsettings delete --name contoso --resource-group web --setting-names A
equals B webapp config appsettings list --name contoso --resource-group web --query "[].name"
az webapp config set --name contoso --resource-group web --startup-file "./run.sh"
equals ./run.sh webapp config show --name contoso --resource-group web --query appCommandLine

az identity create --name web-id --resource-group web
id=$(az identity show --name web-id --resource-group web --query id --output tsv)
az webapp identity assign --name contoso --resource-group web --identities "$id"
equals contoso identity list-resources --name web-id --resource-group web --query "[].name"
az webapp identity remove --name contoso --resource-group web --identities "$id"

az webapp stop --name contoso --resource-group web
equals Stopped webapp show --name contoso --resource-group web --query state
az webapp start --name contoso --resource-group web
equals Running webapp show --name contoso --resource-group web --query state
az webapp restart --name contoso --resource-group web
refused az appservice plan delete --name plan --resource-group web --yes
az webapp delete --name contoso --resource-group web
az group delete --name web --yes
