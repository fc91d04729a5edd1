# shellcheck shell=bash source-path=SCRIPTDIR
# Users, groups and applications, and every way to sign in.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

subscription=/subscriptions/$(az account show --query id --output tsv)
tenant=$(az account show --query tenantId --output tsv)
developer=$AZURE_CONFIG_DIR
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

bob=bob@contoso.onmicrosoft.com
equals developer@contoso.onmicrosoft.com ad signed-in-user show --query userPrincipalName
az ad user create --display-name Bob --user-principal-name $bob --password "Riddle-123456"
refused az ad user create --display-name Bob --user-principal-name $bob --password "Riddle-123456"
refused az ad user create --display-name Eve --user-principal-name eve@contoso.onmicrosoft.com --password short
az ad user update --id $bob --display-name Robert
equals Robert ad user show --id $bob --query displayName
id=$(az ad user show --id $bob --query id --output tsv)

az ad group create --display-name Writers --mail-nickname writers
az ad group member add --group Writers --member-id "$id"
refused az ad group member add --group Writers --member-id "$id"
refused az ad group member add --group Writers --member-id "$(az ad group show --group Writers --query id --output tsv)"
equals true ad group member check --group Writers --member-id "$id" --query value
equals $bob ad group member list --group Writers --query "[].userPrincipalName"
group=$(az ad group show --group Writers --query id --output tsv)
equals "$group" ad user get-member-groups --id $bob --query "[].id"
az role assignment create --assignee "$group" --role Contributor --scope "$subscription"

az ad app create --display-name api --identifier-uris api://my-api
equals api ad app list --identifier-uri api://my-api --query "[].displayName"
az account get-access-token --resource api://my-api --query tokenType
az ad sp create-for-rbac --name ci --role Reader --scopes "$subscription" >"$folder/ci.json"
value() {
  python3 -c "import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])" "$folder/ci.json" "$1"
}
client=$(value appId)
secret=$(value password)
equals Application ad sp show --id "$client" --query servicePrincipalType
another=$(az ad app credential reset --id "$client" --append --query password --output tsv)
equals 2 ad app credential list --id "$client" --query "length(@)"
own=$(az ad sp credential reset --id "$client" --append --display-name own --query password --output tsv)
equals own ad sp credential list --id "$client" --query "[].displayName"
az ad app owner add --id "$client" --owner-object-id "$id"
equals 2 ad app owner list --id "$client" --query "length(@)"
az ad app owner remove --id "$client" --owner-object-id "$id"
equals 1 ad sp owner list --id "$client" --query "length(@)"
equals ci ad sp list --show-mine --query "[?displayName=='ci'].displayName"
graph=00000003-0000-0000-c000-000000000000
equals "Microsoft Graph" ad sp show --id $graph --query displayName
az ad app permission add --id "$client" --api $graph --api-permissions e1fe6dd8-ba31-4d61-89e7-88639da4683d=Scope
az ad app permission grant --id "$client" --api $graph --scope User.Read
az ad app permission grant --id "$client" --api $graph --scope "User.Read Mail.Read"
equals "User.Read Mail.Read" ad app permission list-grants --id "$client" --query "[].scope"
az ad app update --id "$client" --web-redirect-uris https://contoso.example/signed-in
equals https://contoso.example/signed-in ad app show --id "$client" --query "web.redirectUris[]"
refused az ad app update --id "$client" --set password=x
federated='{"name": "github", "issuer": "https://token.actions.githubusercontent.com",
  "subject": "repo:contoso/site:environment:production", "audiences": ["api://AzureADTokenExchange"]}'
az ad app federated-credential create --id "$client" --parameters "$federated"
equals github ad app federated-credential list --id "$client" --query "[].name"

# Each sign-in has a folder of its own, because az also looks into its cache.
as() {
  export AZURE_CONFIG_DIR=$folder/$1
}

as secret
az login --service-principal --username "$client" --password "$secret" --tenant "$tenant"
az group list
refused az group create --name denied --location eastus
refused az ad user list
az logout

as other-secret
az login --service-principal --username "$client" --password "$another" --tenant "$tenant"

as own-secret
az login --service-principal --username "$client" --password "$own" --tenant "$tenant"

as wrong-secret
refused az login --service-principal --username "$client" --password wrong --tenant "$tenant"

as user
az login --username $bob --password Riddle-123456 --tenant Contoso.onmicrosoft.com
equals $bob account show --query user.name
# A user changes only what it owns.
refused az ad user create --display-name Eve --user-principal-name eve@contoso.onmicrosoft.com --password "Riddle-123456"
refused az ad app update --id "$client" --display-name bobs
refused az ad app credential reset --id "$client"
mine=$(az ad app create --display-name bobs --query appId --output tsv)
az ad sp create --id "$mine"
az ad app credential reset --id "$mine"
az ad app delete --id "$mine"
az group create --name bobs --location eastus
refused az role assignment create --assignee "$client" --role Reader --scope "$subscription"
az account get-access-token --resource-type oss-rdbms --query tokenType

as disabled
export AZURE_CONFIG_DIR=$developer
az rest --method patch --url "https://graph.microsoft.com/v1.0/users/$id" --body '{"accountEnabled": false}'
as disabled
refused az login --username $bob --password Riddle-123456
export AZURE_CONFIG_DIR=$developer
az rest --method patch --url "https://graph.microsoft.com/v1.0/users/$id" --body '{"accountEnabled": true}'

as wrong-password
refused az login --username $bob --password wrong

as workload
printf '%s' "$WORKLOAD_CREDENTIAL" >"$folder/workload.json"
export AZURE_CONFIG_DIR=$developer
az ad app federated-credential create --id "$client" --parameters "$(cat "$folder/workload.json")"
as workload
az login --service-principal --username "$client" --tenant "$tenant" --federated-token "$WORKLOAD_TOKEN"
az group list

as certificate
export AZURE_CONFIG_DIR=$developer
HOME=$folder az ad sp create-for-rbac --name signed --create-cert --role Reader --scopes "$subscription" >"$folder/signed.json"
file=$(python3 -c "import json; print(json.load(open('$folder/signed.json'))['fileWithCertAndPrivateKey'])")
signed=$(python3 -c "import json; print(json.load(open('$folder/signed.json'))['appId'])")
as certificate
az login --service-principal --username "$signed" --certificate "$file" --tenant "$tenant"
az group list

# The person at this machine confirms a code, as the page in a browser does.
as device
az login --use-device-code 2>"$folder/message" &
login=$!
until code=$(grep -o 'code [A-Z0-9]\{9\}' "$folder/message"); do
  kill -0 $login
  sleep 0.2
done
page=https://login.microsoftonline.com/device
curl --fail --silent $page | grep -q developer@contoso.onmicrosoft.com
refused curl --fail --silent --data "code=AAAAAAAAA&user=developer@contoso.onmicrosoft.com" $page
refused curl --fail --silent --header "Origin: https://evil.example" --data "code=${code#code }&user=developer@contoso.onmicrosoft.com" $page
refused curl --fail --silent --data "code=${code#code }&user=$bob&password=wrong" $page
curl --fail --silent --data "code=${code#code }&user=developer@contoso.onmicrosoft.com" $page
wait $login
equals developer@contoso.onmicrosoft.com account show --query user.name

# Who is deleted cannot do anything any more.
export AZURE_CONFIG_DIR=$developer
az ad user delete --id $bob
as user
refused az group list
export AZURE_CONFIG_DIR=$developer
az ad app delete --id "$client"
as other-secret
refused az group list
