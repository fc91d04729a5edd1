// Gets tokens as a program in Azure does, and prints one on each line: get_token.mjs SCOPE KIND[=ID]...
// Everything else comes from the environment, as it does in Azure.

import * as identity from "@azure/identity";

const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client, AZURE_CLIENT_SECRET: secret } = process.env;
const certificatePath = process.env.AZURE_CLIENT_CERTIFICATE_PATH;

// Without this option, a client first asks login.microsoftonline.com whether it can trust the authority.
const options = { disableInstanceDiscovery: true };

const credentials = {
  default: () => new identity.DefaultAzureCredential(options),
  managed: () => new identity.ManagedIdentityCredential(),
  "managed-client-id": (clientId) => new identity.ManagedIdentityCredential({ clientId }),
  "managed-object-id": (objectId) => new identity.ManagedIdentityCredential({ objectId }),
  "managed-resource-id": (resourceId) => new identity.ManagedIdentityCredential({ resourceId }),
  secret: () => new identity.ClientSecretCredential(tenant, client, secret, options),
  certificate: () => new identity.ClientCertificateCredential(tenant, client, { certificatePath }, options),
  workload: () => new identity.WorkloadIdentityCredential(options),
};

const [scope, ...wanted] = process.argv.slice(2);
for (const credential of wanted) {
  const [kind, id] = credential.split("=");
  const { token } = await credentials[kind](id).getToken(scope);
  console.log(token);
}
