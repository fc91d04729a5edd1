"""Gets tokens as a program in Azure does, and prints one on each line: get_token.py SCOPE KIND[=ID]...

Everything else comes from the environment, as it does in Azure.
"""

import os
import sys

from azure import identity


def service_principal():
    return {"tenant_id": os.environ["AZURE_TENANT_ID"], "client_id": os.environ["AZURE_CLIENT_ID"]}


# Without this option, a client first asks login.microsoftonline.com whether it can trust the authority.
PRIVATE = {"disable_instance_discovery": True}

CREDENTIALS = {
    "default": lambda: identity.DefaultAzureCredential(**PRIVATE),
    "managed": lambda: identity.ManagedIdentityCredential(),
    "managed-client-id": lambda id: identity.ManagedIdentityCredential(client_id=id),
    "managed-object-id": lambda id: identity.ManagedIdentityCredential(identity_config={"object_id": id}),
    "managed-resource-id": lambda id: identity.ManagedIdentityCredential(identity_config={"resource_id": id}),
    "secret": lambda: identity.ClientSecretCredential(
        **service_principal(), **PRIVATE, client_secret=os.environ["AZURE_CLIENT_SECRET"]
    ),
    "certificate": lambda: identity.CertificateCredential(
        **service_principal(), **PRIVATE, certificate_path=os.environ["AZURE_CLIENT_CERTIFICATE_PATH"]
    ),
    "workload": lambda: identity.WorkloadIdentityCredential(**PRIVATE),
}

scope, *credentials = sys.argv[1:]
for credential in credentials:
    kind, *ids = credential.split("=")
    print(CREDENTIALS[kind](*ids).get_token(scope).token)
