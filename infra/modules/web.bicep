// The site: a Linux web app that runs the package's own program.
param name string
param planName string
param location string
param tags object
param sku string
param identityId string
param workspaceId string
@description('Settings that name the database and the photo storage.')
param settings object

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'linux'
  sku: { name: sku }
  properties: { reserved: true } // Linux
}

resource site 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  // azd finds the app of the service `web` by this tag.
  tags: union(tags, { 'azd-service-name': 'web' })
  kind: 'app,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    siteConfig: {
      linuxFxVersion: 'PYTHON|3.13' // chosen for its Linux and its port, 8000; see docs/tutorial.md
      appCommandLine: 'exec sh ./start.sh'
      alwaysOn: !contains(['F1', 'D1'], sku)
      healthCheckPath: '/readyz'
      ftpsState: 'Disabled'
      minTlsVersion: '1.2'
      http20Enabled: true
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: site
  name: 'appsettings'
  properties: union(settings, {
    SCM_DO_BUILD_DURING_DEPLOYMENT: 'false'
    WEBSITE_WARMUP_PATH: '/readyz'
    WEBSITE_WARMUP_STATUSES: '200'
    WEBSITE_SWAP_WARMUP_PING_PATH: '/readyz'
    WEBSITE_SWAP_WARMUP_PING_STATUSES: '200'
    WEBSITES_CONTAINER_START_TIME_LIMIT: '600'
    WEBSITES_CONTAINER_STOP_TIME_LIMIT: '30'
  })
}

// Publishing accepts only Entra tokens, no passwords.
resource publishingByFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: site
  name: 'ftp'
  properties: { allow: false }
}

resource publishingByScm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: site
  name: 'scm'
  properties: { allow: false }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: site
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'AppServiceConsoleLogs', enabled: true }
      { category: 'AppServiceHTTPLogs', enabled: true }
      { category: 'AppServicePlatformLogs', enabled: true }
    ]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output uri string = 'https://${site.properties.defaultHostName}'
