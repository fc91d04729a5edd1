# shellcheck shell=bash source-path=SCRIPTDIR
# Storage accounts, containers and blobs.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo "a photo" >"$folder/photo.txt"

az group create --name demo --location westeurope
account=photos$RANDOM$RANDOM
equals true storage account check-name --name "$account" --query nameAvailable
az storage account create --name "$account" --resource-group demo --sku Standard_LRS --allow-blob-public-access true
equals false storage account check-name --name "$account" --query nameAvailable
refused az storage account create --name Not-A-Name --resource-group demo
equals "https://$account.blob.core.windows.net/" storage account show --name "$account" --resource-group demo --query primaryEndpoints.blob
equals "$account" storage account list --query "[].name"

# Containers and blobs by key, without and with anonymous reading.
export AZURE_STORAGE_ACCOUNT=$account
az storage container create --name photos --public-access blob
refused az storage container create --name photos --fail-on-exist
az storage blob upload --container-name photos --name one.txt --file "$folder/photo.txt"
equals one.txt storage blob list --container-name photos --query "[].name"
az storage blob download --container-name photos --name one.txt --file "$folder/copy.txt"
cmp "$folder/photo.txt" "$folder/copy.txt"
url=https://$account.blob.core.windows.net/photos/one.txt
test "a photo" = "$(curl --silent --fail "$url")"
az storage container set-permission --name photos --public-access off
refused curl --silent --fail "$url"
sas=$(az storage blob generate-sas --container-name photos --name one.txt --permissions r --expiry 2099-01-01T00:00Z --output tsv)
test "a photo" = "$(curl --silent --fail "$url?$sas")"
az storage blob copy start --destination-container photos --destination-blob two.txt --source-container photos --source-blob one.txt
equals $'one.txt\ntwo.txt' storage blob list --container-name photos --query "[].name"
az storage blob delete --container-name photos --name two.txt

# By token: the roles decide.
refused az storage blob list --container-name photos --auth-mode login
id=$(az storage account show --name "$account" --resource-group demo --query id --output tsv)
az role assignment create --assignee "$(az ad signed-in-user show --query id --output tsv)" --role "Storage Blob Data Reader" --scope "$id"
equals one.txt storage blob list --container-name photos --auth-mode login --query "[].name"
refused az storage blob upload --container-name photos --name three.txt --file "$folder/photo.txt" --auth-mode login

# Keys can be renewed and forbidden.
old=$(az storage account keys list --account-name "$account" --resource-group demo --query "[0].value" --output tsv)
az storage account keys renew --account-name "$account" --resource-group demo --key key1
refused az storage blob list --container-name photos --account-key "$old"
az storage account update --name "$account" --resource-group demo --allow-shared-key-access false --tags a=b
refused az storage blob list --container-name photos --auth-mode key
refused curl --silent --fail "$url?$sas"
equals b storage account show --name "$account" --resource-group demo --query tags.a

# Containers by the control plane.
az storage container-rm create --storage-account "$account" --resource-group demo --name more
equals $'more\nphotos' storage container-rm list --storage-account "$account" --resource-group demo --query "[].name"
az storage container-rm update --storage-account "$account" --resource-group demo --name more --public-access blob
equals Blob storage container-rm show --storage-account "$account" --resource-group demo --name more --query publicAccess
az storage container-rm delete --storage-account "$account" --resource-group demo --name photos --yes
equals false storage container-rm exists --storage-account "$account" --resource-group demo --name photos --query exists

# An account that is created again is empty.
az storage account delete --name "$account" --resource-group demo --yes
az storage account create --name "$account" --resource-group demo
equals 0 storage container list --query "length(@)"
az group delete --name demo --yes
