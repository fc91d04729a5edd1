// The site: a Linux web app that runs the package's own program.
param name string
param planName string
param location string
param tags object
param sku string
param identityId string
@description('The subnet from which the site connects. If it is empty, the site is in no private network.')
param subnetId string
param workspaceId string
@description('Client id of the app registration that signs the staff in. If it is empty, authentication stays off.')
param staffClientId string
@description('Settings of the site: its database, its photo storage, its staff.')
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
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    httpsOnly: true
    // All instances show the same data, so no visitor has to stay on one.
    clientAffinityEnabled: false
    siteConfig: {
      linuxFxVersion: 'PYTHON|3.13' // chosen for its port, 8000, and its Linux; see docs/tutorial.md
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

// App Service Authentication, the same as infra/authentication.json. Visitors need not sign in: the site itself decides
// which pages are for the staff.
resource authentication 'Microsoft.Web/sites/config@2024-04-01' = if (!empty(staffClientId)) {
  parent: site
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: false
      unauthenticatedClientAction: 'AllowAnonymous'
      excludedPaths: ['/healthz', '/readyz']
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          openIdIssuer: '${environment().authentication.loginEndpoint}${subscription().tenantId}/v2.0'
          clientId: staffClientId
          // This setting names the site's identity, which takes the place of a secret.
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
        }
      }
    }
    login: { tokenStore: { enabled: false } }
    httpSettings: { requireHttps: true }
  }
  // Each change restarts the site; one after the other, it never has only half of them.
  dependsOn: [appSettings]
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

output host string = site.properties.defaultHostName
output uri string = 'https://${site.properties.defaultHostName}'
