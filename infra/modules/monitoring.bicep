// The workspace that stores logs and metrics, and the Application Insights component for traces.
param name string
param componentName string
param location string
param tags object

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 30
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: componentName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    // The collector of docs/operations.md sends without a token: its exporter cannot get one.
    DisableLocalAuth: false
  }
}

// It permits sending telemetry, and reading nothing. Microsoft does not regard it as a secret.
output connectionString string = component.properties.ConnectionString
output workspaceId string = workspace.id
