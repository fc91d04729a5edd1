# shellcheck shell=bash
# Resource groups, identities, roles, locks and tags. Each command must succeed, except after `refused`.
set -eux -o pipefail

subscription=$(az account show --query id --output tsv)
scope=/subscriptions/$subscription/resourceGroups/team
kind=Microsoft.ManagedIdentity/userAssignedIdentities

# equals EXPECTED ARGUMENTS…: az prints this.
equals() {
  test "$1" = "$(az "${@:2}" --output tsv)"
}

# refused COMMAND…: the command fails.
refused() {
  if "$@"; then
    echo "This should have been refused: $*" >&2
    exit 1
  fi
}

az group create --name team --location westeurope --tags a=b
equals true group exists --name team
equals false group exists --name nobody
equals b group show --name team --query tags.a
az group update --name team --tags c=d
equals team group list --tag c=d --query "[].name"
refused az group export --name team

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
az role assignment create --assignee "$client" --role "Reader of sites" --scope "$scope"
refused az role definition delete --name "Reader of sites"
az role assignment delete --assignee "$client" --role "Reader of sites" --resource-group team
az role definition delete --name "Reader of sites"

# Locks hold at each level, and are inherited.
az lock create --name keep --lock-type CanNotDelete --resource-group team --notes "not yet"
equals keep lock list --resource-group team --query "[].name"
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
az "${credential[@]}" delete --name github --identity-name site --resource-group team --yes

# Resources of every type.
equals site resource list --resource-group team --query "[].name"
equals site resource show --resource-group team --name site --resource-type $kind --query name
az resource tag --resource-group team --name site --resource-type $kind --tags q=1
equals 1 tag list --resource-id "$scope/providers/$kind/site" --query properties.tags.q
az tag update --resource-id "$scope/providers/$kind/site" --operation Merge --tags r=2
equals 2 resource show --ids "$scope/providers/$kind/site" --query tags.r
equals Registered provider show --namespace Microsoft.ManagedIdentity --query registrationState
az provider register --namespace Microsoft.Web
az account list-locations --query "[].name" --output tsv | grep -qx westeurope

# A deleted identity has no power, and its role assignments show no name.
az identity delete --name site --resource-group team
equals "" role assignment list --resource-group team --query "[].principalName"
refused az resource show --ids "$scope/providers/$kind/site"

# What a group contains is deleted with it.
az identity create --name other --resource-group team
az group delete --name team --yes
equals 0 identity list --query "length(@)"
equals 1 role assignment list --all --query "length(@)"
