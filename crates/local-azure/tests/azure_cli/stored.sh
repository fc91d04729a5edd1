# shellcheck shell=bash source-path=SCRIPTDIR
# Resources of providers that are not emulated, with `up --store all`.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export AZURE_DEFAULTS_GROUP=demo
az group create --name demo --location westeurope
scope=$(az group show --name demo --query id --output tsv)
az provider register --namespace Microsoft.Network
equals Registered provider show --namespace Microsoft.Network --query registrationState

# Networks, and what is in them.
az network vnet create --name v --address-prefix 10.0.0.0/16 --subnet-name s1 --subnet-prefix 10.0.1.0/24
equals 10.0.1.0/24 network vnet subnet show --vnet-name v --name s1 --query "addressPrefix || addressPrefixes[0]"
az network vnet subnet create --vnet-name v --name s2 --address-prefixes 10.0.2.0/24
equals $'s1\ns2' network vnet show --name v --query "subnets[].name"
az network nsg create --name rules
az network nsg rule create --nsg-name rules --name https --priority 100 --destination-port-ranges 443
equals https network nsg rule list --nsg-name rules --query "[].name"
az network vnet subnet update --vnet-name v --name s1 --network-security-group rules
az network private-dns zone create --name privatelink.blob.core.windows.net
az network private-dns link vnet create --zone-name privatelink.blob.core.windows.net --name link --virtual-network v \
  --registration-enabled false
az network vnet subnet delete --vnet-name v --name s2
equals s1 network vnet subnet list --vnet-name v --query "[].name"

# Logs of what is emulated go to a workspace that is only stored.
az identity create --name site
az monitor log-analytics workspace create --workspace-name logs
workspace=$(az monitor log-analytics workspace show --workspace-name logs --query id --output tsv)
az monitor diagnostic-settings create --name audit --resource "$scope/providers/Microsoft.ManagedIdentity/userAssignedIdentities/site" \
  --workspace "$workspace" --logs '[{"category": "Audit", "enabled": true}]'
equals audit monitor diagnostic-settings list --query "[].name" \
  --resource "$scope/providers/Microsoft.ManagedIdentity/userAssignedIdentities/site"

# The general commands, tags, locks and roles.
id=$scope/providers/Microsoft.Network/virtualNetworks/v
equals v resource show --ids "$id" --query name
az resource tag --ids "$id" --tags purpose=test
AZURE_DEFAULTS_GROUP='' equals v resource list --tag purpose=test --query "[].name"
az resource create --name cache --resource-type Microsoft.Cache/redis --location westeurope --properties '{"sku": {"name": "Basic"}}'
az resource delete --name cache --resource-type Microsoft.Cache/redis
AZURE_DEFAULTS_GROUP='' az lock create --name keep --lock-type CanNotDelete --resource "$id"
refused az network vnet delete --name v
AZURE_DEFAULTS_GROUP='' az lock delete --name keep --resource "$id"
user=carol@contoso.onmicrosoft.com
az ad user create --display-name Carol --user-principal-name $user --password Riddle-123456
az role assignment create --assignee $user --role Reader --scope "$scope"
own=$AZURE_CONFIG_DIR
export AZURE_CONFIG_DIR=$own/carol
az login --username $user --password Riddle-123456
equals v network vnet list --query "[].name"
refused az network vnet delete --name v
export AZURE_CONFIG_DIR=$own
az network vnet delete --name v
az group delete --name demo --yes
AZURE_DEFAULTS_GROUP='' equals 0 resource list --query "length(@)"
