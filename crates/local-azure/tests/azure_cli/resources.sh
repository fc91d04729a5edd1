# shellcheck shell=bash source-path=SCRIPTDIR
# Resource groups, identities, roles, locks and tags.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

subscription=$(az account show --query id --output tsv)
scope=/subscriptions/$subscription/resourceGroups/team
kind=Microsoft.ManagedIdentity/userAssignedIdentities

az group create --name team --location westeurope --tags a=b
equals true group exists --name team
equals false group exists --name nobody
equals b group show --name team --query tags.a
az group update --name team --tags c=d
equals team group list --tag c=d --query "[].name"
refused az group export --name team
az group wait --name team --exists

az identity create --name site --resource-group team
client=$(az identity show --name site --resource-group team --query clientId --output tsv)
object=$(az identity show --name site --resource-group team --query principalId --output tsv)

# Roles are given, listed, inherited and taken.
az role assignment create --assignee "$client" --role Reader --scope "$scope"
az role assignment create --assignee-object-id "$object" --assignee-principal-type ServicePrincipal \
  --role "Storage Blob Data Contributor" --scope "$scope"
# Once more is no error.
az role assignment create --assignee "$client" --role Reader --scope "$scope"
equals 2 role assignment list --assignee "$client" --all --query "length(@)"
equals 2 role assignment list --resource-group team --query "length(@)"
equals 3 role assignment list --resource-group team --include-inherited --query "length(@)"
az role assignment delete --assignee "$client" --role Reader --resource-group team
equals 1 role assignment list --assignee "$client" --all --query "length(@)"
refused az role assignment create --assignee 00000000-0000-0000-0000-000000000001 --role Reader --scope "$scope"
refused az role assignment create --assignee "$client" --role "No Such Role" --scope "$scope"

equals Owner role definition list --name Owner --query "[].roleName"
role="{\"Name\":\"Reader of sites\",\"Description\":\"\",\"Actions\":[\"Microsoft.Web/sites/read\"],\"AssignableScopes\":[\"/subscriptions/$subscription\"]}"
az role definition create --role-definition "$role"
equals "Reader of sites" role definition list --custom-role-only --query "[].roleName"
id=$(az role definition list --name "Reader of sites" --query "[].name" --output tsv)
equals "Reader of sites" role definition show --id "/subscriptions/$subscription/providers/Microsoft.Authorization/roleDefinitions/$id" --query roleName
az role definition update --role-definition "${role/Microsoft.Web\/sites\/read/Microsoft.Web\/sites\/write}"
equals Microsoft.Web/sites/write role definition list --name "Reader of sites" --query "[].permissions[0].actions[0]"
az role assignment create --assignee "$client" --role "Reader of sites" --scope "$scope"
refused az role definition delete --name "Reader of sites"
az role assignment delete --assignee "$client" --role "Reader of sites" --resource-group team
az role definition delete --name "Reader of sites"

assignment=$(az role assignment list --assignee "$client" --all --query "[0]" --output json)
az role assignment update --role-assignment "{\"description\": \"for photos\", \"condition\": null, \"conditionVersion\": null, ${assignment#\{}"
equals "for photos" role assignment list --assignee "$client" --all --query "[].description"
# Somebody must be able to assign roles.
refused az role assignment delete --assignee "$(az ad signed-in-user show --query id --output tsv)" --role Owner --scope "/subscriptions/$subscription"

# Locks hold at each level, and are inherited.
az lock create --name keep --lock-type CanNotDelete --resource-group team --notes "not yet"
equals keep lock list --resource-group team --query "[].name"
equals "not yet" lock show --name keep --resource-group team --query notes
az lock update --name keep --resource-group team --notes "still not"
refused az identity delete --name site --resource-group team
refused az group delete --name team --yes
az identity update --name site --resource-group team --tags x=y
az lock delete --name keep --resource-group team
az lock create --name frozen --lock-type ReadOnly --resource site --resource-type $kind --resource-group team
refused az identity update --name site --resource-group team --tags x=z
az lock delete --name frozen --resource site --resource-type $kind --resource-group team
az lock create --name all --lock-type ReadOnly
refused az identity update --name site --resource-group team --tags x=z
refused az group create --name another --location westeurope
az lock delete --name all
equals y identity show --name site --resource-group team --query tags.x

# External tokens that an identity trusts.
issuer=https://token.actions.githubusercontent.com
credential=(identity federated-credential)
az "${credential[@]}" create --name github --identity-name site --resource-group team --issuer $issuer \
  --subject repo:contoso/site:ref:refs/heads/main --audiences api://AzureADTokenExchange
refused az "${credential[@]}" create --name again --identity-name site --resource-group team --issuer $issuer \
  --subject repo:contoso/site:ref:refs/heads/main --audiences api://AzureADTokenExchange
az "${credential[@]}" update --name github --identity-name site --resource-group team --issuer $issuer \
  --subject repo:contoso/site:environment:production --audiences api://AzureADTokenExchange
equals repo:contoso/site:environment:production "${credential[@]}" list --identity-name site --resource-group team \
  --query "[].subject"
equals github "${credential[@]}" show --name github --identity-name site --resource-group team --query name
az "${credential[@]}" delete --name github --identity-name site --resource-group team --yes

# Resources of every type.
equals site resource list --resource-group team --query "[].name"
equals site resource show --resource-group team --name site --resource-type $kind --query name
az resource tag --resource-group team --name site --resource-type $kind --tags q=1
equals 1 tag list --resource-id "$scope/providers/$kind/site" --query properties.tags.q
az tag update --resource-id "$scope/providers/$kind/site" --operation Merge --tags r=2
equals 2 resource show --ids "$scope/providers/$kind/site" --query tags.r
equals 2 resource list --tag q=1 --query "length([0].tags)"
az tag create --resource-id "$scope/providers/$kind/site" --tags s=3
equals s tag list --query "[?tagName=='s'].tagName"
az tag delete --resource-id "$scope/providers/$kind/site" --yes
az resource create --resource-group team --name made --resource-type $kind --location westeurope --properties "{}"
az resource update --ids "$scope/providers/$kind/made" --set tags.t=4
az resource delete --ids "$scope/providers/$kind/made"
az resource wait --ids "$scope/providers/$kind/made" --deleted

az provider unregister --namespace Microsoft.ManagedIdentity
equals Unregistered provider show --namespace Microsoft.ManagedIdentity --query registrationState
az provider register --namespace Microsoft.ManagedIdentity
equals Microsoft.Web provider list --query "[?namespace=='Microsoft.Web'].namespace"
equals Registered provider show --namespace Microsoft.ManagedIdentity --query registrationState
az provider register --namespace Microsoft.Web
az account list-locations --query "[].name" --output tsv | grep -qx westeurope

# A machine of one's own, whose identity signs in by IMDS.
az resource create --resource-group team --name machine --resource-type Microsoft.Compute/virtualMachines \
  --location westeurope --properties "{}"
az vm identity assign --name machine --resource-group team --identities site
as_machine() {
  AZURE_CONFIG_DIR=$AZURE_CONFIG_DIR/machine "$@"
}
as_machine az login --identity --client-id "$client" --allow-no-subscriptions
as_machine az account show --query user.assignedIdentityInfo
refused as_machine az group create --name denied --location westeurope
az resource delete --resource-group team --name machine --resource-type Microsoft.Compute/virtualMachines

# What is not there says what is.
# shellcheck disable=SC2016 # the schema is no variable
template='{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
  "resources": []}'
says "Local Azure does not emulate it" az deployment group create --resource-group team --template-file <(echo "$template")
says "up --store Microsoft.Network" az network vnet create --resource-group team --name v
says "up --store Microsoft.Network" az provider show --namespace Microsoft.Network

# A deleted identity has no power, and its role assignments show no name.
az identity delete --name site --resource-group team
equals "" role assignment list --resource-group team --query "[].principalName"
refused az resource show --ids "$scope/providers/$kind/site"

# What a group contains is deleted with it.
az identity create --name other --resource-group team
az group delete --name team --yes
equals 0 identity list --query "length(@)"
equals 1 role assignment list --all --query "length(@)"
