// The resources that the site needs in Azure, for `azd up`. Nothing here is a secret: the database accepts only Entra
// tokens, and the storage account's keys are disabled.
targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of the azd environment. The resource group is named after it.')
param environmentName string

@minLength(1)
@description('Region of all resources.')
param location string

@description('Object id of the user or service principal that deploys. It becomes the administrator of the database server.')
param principalId string

@description('Name in Entra of the user or service principal that deploys: a user principal name or a display name.')
param principalName string

@allowed(['User', 'ServicePrincipal'])
@description('Whether a user or a service principal deploys.')
param principalType string = 'User'

@description('Size of the App Service plan.')
param planSku string = 'B1'

@description('Size of the database server.')
param databaseSku string = 'Standard_B1ms'

@allowed(['Burstable', 'GeneralPurpose', 'MemoryOptimized'])
@description('Tier of the database server. It must match the size.')
param databaseTier string = 'Burstable'

@description('Who may use the staff pages: user principal names, object ids or app roles, separated by commas. If it is empty, there are no staff pages.')
param adminPrincipals string = ''

@description('Client id of the app registration that signs the staff in. infra/hooks/preprovision.sh creates it.')
param staffClientId string = ''

@description('Whether the site reaches its database and its photos through a private network only. This needs a plan of the tier Basic or higher.')
param privateNetwork bool = false

var tags = { 'azd-env-name': environmentName }
var hasStaffPages = !empty(adminPrincipals) && !empty(staffClientId)
// Some names must be unique in all of Azure.
var suffix = toLower(uniqueString(subscription().id, environmentName, location))
var databaseName = 'restaurant'
var containerName = 'photos'

resource group 'Microsoft.Resources/resourceGroups@2022-09-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    name: 'log-${suffix}'
    componentName: 'appi-${suffix}'
    location: location
    tags: tags
  }
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-restaurant-review-${suffix}'
    location: location
    tags: tags
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  scope: group
  params: {
    name: 'vnet-${suffix}'
    location: location
    tags: tags
  }
}

module database 'modules/database.bicep' = {
  name: 'database'
  scope: group
  params: {
    name: 'psql-${suffix}'
    location: location
    tags: tags
    sku: databaseSku
    tier: databaseTier
    databaseName: databaseName
    administratorId: principalId
    administratorName: principalName
    administratorType: principalType
    admitsAzure: !privateNetwork
    workspaceId: monitoring.outputs.workspaceId
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'st${suffix}'
    location: location
    tags: tags
    containerName: containerName
    isPublic: !privateNetwork
    identityPrincipalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module databaseEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork) {
  name: 'database-endpoint'
  scope: group
  params: {
    name: 'pe-psql-${suffix}'
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.servicesSubnetId
    serviceId: database.outputs.id
    part: 'postgresqlServer'
    zoneName: 'privatelink.postgres.database.azure.com'
  }
}

module storageEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork) {
  name: 'storage-endpoint'
  scope: group
  params: {
    name: 'pe-st-${suffix}'
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.servicesSubnetId
    serviceId: storage.outputs.id
    part: 'blob'
    zoneName: 'privatelink.blob.${environment().suffixes.storage}'
  }
}

module web 'modules/web.bicep' = {
  name: 'web'
  scope: group
  params: {
    name: 'app-${suffix}'
    planName: 'plan-${suffix}'
    location: location
    tags: tags
    sku: planSku
    identityId: identity.outputs.id
    subnetId: privateNetwork ? network!.outputs.webSubnetId : ''
    workspaceId: monitoring.outputs.workspaceId
    staffClientId: hasStaffPages ? staffClientId : ''
    settings: union({
      DBHOST: database.outputs.host
      DBNAME: databaseName
      DBUSER: identity.outputs.name
      STORAGE_ACCOUNT_NAME: storage.outputs.name
      STORAGE_CONTAINER_NAME: containerName
      AZURE_CLIENT_ID: identity.outputs.clientId
      APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
    }, hasStaffPages ? {
      ADMIN_PRINCIPALS: adminPrincipals
      OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identity.outputs.clientId
    } : {})
  }
}

// azd stores these in its environment, where the hooks read them.
output AZURE_RESOURCE_GROUP string = group.name
output DB_SERVER_NAME string = database.outputs.name
output DB_NAME string = databaseName
output IDENTITY_NAME string = identity.outputs.name
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output STAFF_CLIENT_ID string = staffClientId
output WEB_HOST string = web.outputs.host
output WEB_URI string = web.outputs.uri
