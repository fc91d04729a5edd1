# shellcheck shell=bash
# Functions for the app registration with which App Service Authentication signs the staff in; infra/lib.sh comes first.
# Bicep does not create it, because it is an object of the directory and not a resource of Azure. It has no secret: it
# trusts the site's managed identity instead. It is safe to call these functions again.

# Creates the registration with that name, which must be unique in the directory, and prints its client id.
create_staff_app() {
  value "00000000-0000-0000-0000-000000000004" az ad app create --display-name "$1" \
    --sign-in-audience AzureADMyOrg --enable-id-token-issuance true --query appId --output tsv
}

# connect_staff_app CLIENT_ID HOST PRINCIPAL_ID: users of this directory may sign in at the site with that host name,
# whose managed identity has that principal id.
connect_staff_app() {
  local client_id=$1 host=$2 principal_id=$3 tenant trusted
  run az ad app update --id "$client_id" --web-redirect-uris "https://$host/.auth/login/aad/callback"
  if ! exists az ad sp show --id "$client_id"; then
    run az ad sp create --id "$client_id"
  fi
  tenant=$(value "00000000-0000-0000-0000-000000000005" az account show --query tenantId --output tsv)
  # Since the last run, the identity may have been deleted and created again.
  trusted=$(value "" az ad app federated-credential list --id "$client_id" \
    --query "[?subject=='$principal_id'].name" --output tsv)
  if [[ -z $trusted ]]; then
    run az ad app federated-credential create --id "$client_id" --parameters "{\"name\": \"site-$principal_id\", \
\"issuer\": \"https://login.microsoftonline.com/$tenant/v2.0\", \"subject\": \"$principal_id\", \
\"audiences\": [\"api://AzureADTokenExchange\"]}"
  fi
}
