//! The identity of a Kubernetes pod: the cluster writes a token to a file, and Entra exchanges it for an Entra token.

use std::path::PathBuf;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_identity::{ClientAssertionCredentialOptions, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions};

use crate::error::Failure;
use crate::options::Settings;

/// Available if the three variables are set, as the AKS webhook sets them.
/// <https://learn.microsoft.com/azure/aks/workload-identity-overview>
pub(crate) fn credential(settings: &Settings) -> Result<Arc<dyn TokenCredential>, Failure> {
    let variables = &settings.variables;
    let needed = [
        ("AZURE_FEDERATED_TOKEN_FILE", variables.federated_token_file.is_some()),
        ("AZURE_TENANT_ID", variables.tenant_id.is_some()),
        ("AZURE_CLIENT_ID", variables.client_id.is_some()),
    ];
    let missing: Vec<_> = needed.iter().filter(|(_, set)| !set).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        return Err(Failure::not_set(&missing));
    }
    let options = WorkloadIdentityCredentialOptions {
        credential_options: ClientAssertionCredentialOptions {
            client_options: settings.client_options(),
        },
        client_id: variables.client_id.clone(),
        tenant_id: variables.tenant_id.clone(),
        token_file_path: variables.federated_token_file.as_ref().map(PathBuf::from),
    };
    match WorkloadIdentityCredential::new(Some(options)) {
        Ok(credential) => Ok(credential),
        Err(error) => Err(Failure::refused_with(&error, &settings.secrets)),
    }
}
