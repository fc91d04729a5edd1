# shellcheck shell=bash disable=SC2154
# What the tutorial leaves out: the app settings that its app reads, and the right to create tables.

# The app is stopped meanwhile, so that no visitor comes to an instance without them.
az webapp stop --resource-group "$RESOURCE_GROUP_NAME" --name "$APP_SERVICE_NAME"
az webapp config appsettings set \
  --resource-group "$RESOURCE_GROUP_NAME" \
  --name "$APP_SERVICE_NAME" \
  --settings DBHOST="$DB_SERVER_NAME" DBNAME=restaurant DBUSER=UAManagedIdentityPythonTest \
  STORAGE_ACCOUNT_NAME="$STORAGE_ACCOUNT_NAME" STORAGE_CONTAINER_NAME=photos SECRET_KEY=for-a-test
az postgres flexible-server execute \
  --name "$DB_SERVER_NAME" \
  --admin-user "$ACCOUNT_EMAIL" \
  --admin-password "$ACCOUNT_EMAIL_TOKEN" \
  --database-name restaurant \
  --querytext 'grant create on schema public to "UAManagedIdentityPythonTest"'
az webapp start --resource-group "$RESOURCE_GROUP_NAME" --name "$APP_SERVICE_NAME"
