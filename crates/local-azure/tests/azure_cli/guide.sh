# shellcheck shell=bash
# The commands of LocalStack's guide to managed identities, as they stand there
# (https://docs.localstack.cloud/azure/services/managed-identity/, autumn 2026).

azlocal start-interception

azlocal stop-interception

az group create \
--name rg-managedidentity-demo \
--location westeurope

az identity create \
--name mi-doc77 \
--resource-group rg-managedidentity-demo \
--location westeurope \
--tags environment=test

az identity show \
--name mi-doc77 \
--resource-group rg-managedidentity-demo

az identity list --resource-group rg-managedidentity-demo

az identity list

az identity update \
--name mi-doc77 \
--resource-group rg-managedidentity-demo \
--tags environment=dev

az identity delete --name mi-doc77 --resource-group rg-managedidentity-demo
az identity list --resource-group rg-managedidentity-demo

az appservice plan create \
--name asp-doc77 \
--resource-group rg-managedidentity-demo \
--location westeurope \
--sku F1
az webapp create \
--name ls-app-doc77 \
--resource-group rg-managedidentity-demo \
--plan asp-doc77 \
--runtime "PYTHON:3.11"

az webapp identity assign \
--name ls-app-doc77 \
--resource-group rg-managedidentity-demo

az webapp identity show \
--name ls-app-doc77 \
--resource-group rg-managedidentity-demo

SITE_ID=$(az webapp show --name ls-app-doc77 --resource-group rg-managedidentity-demo --query id -o tsv)
az rest --method get \
--url "http://management.localhost.localstack.cloud:4566${SITE_ID}/providers/Microsoft.ManagedIdentity/identities/default?api-version=2024-11-30"
