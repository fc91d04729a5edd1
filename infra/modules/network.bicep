// The private network: a subnet from which the site connects, and one with the addresses of its services.
param name string
param location string
param tags object

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.0.0.0/24'] }
    subnets: [
      {
        name: 'web'
        properties: {
          // Each instance of the plan takes an address, and another one while it is replaced.
          addressPrefix: '10.0.0.0/26'
          delegations: [{ name: 'app-service', properties: { serviceName: 'Microsoft.Web/serverFarms' } }]
        }
      }
      {
        name: 'services'
        properties: { addressPrefix: '10.0.0.64/28' }
      }
    ]
  }
}

output id string = network.id
output webSubnetId string = network.properties.subnets[0].id
output servicesSubnetId string = network.properties.subnets[1].id
