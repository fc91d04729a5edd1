//! The identity of a Kubernetes pod: the cluster writes a token to a file, and Entra exchanges it for an Entra token.

use std::path::PathBuf;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_identity::{ClientAssertionCredentialOptions, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions};

use crate::error::Failure;
use crate::settings::Settings;

/// Available if the three variables are set, as the AKS webhook sets them. Options can replace each of them.
/// <https://learn.microsoft.com/azure/aks/workload-identity-overview>
pub(crate) fn credential(settings: &Settings) -> Result<Arc<dyn TokenCredential>, Failure> {
    let (options, variables) = (&settings.options, &settings.variables);
    let token_file_path = options.workload_identity_token_file_path.clone();
    let token_file_path = token_file_path.or_else(|| variables.federated_token_file.as_ref().map(PathBuf::from));
    let tenant_id = options
        .workload_identity_tenant_id
        .as_ref()
        .or(variables.tenant_id.as_ref());
    let client_id = options
        .workload_identity_client_id
        .as_ref()
        .or(variables.client_id.as_ref());
    let needed = [
        ("AZURE_FEDERATED_TOKEN_FILE", token_file_path.is_some()),
        ("AZURE_TENANT_ID", tenant_id.is_some()),
        ("AZURE_CLIENT_ID", client_id.is_some()),
    ];
    let missing: Vec<_> = needed.iter().filter(|(_, set)| !set).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        return Err(Failure::not_set(&missing));
    }
    let options = WorkloadIdentityCredentialOptions {
        credential_options: ClientAssertionCredentialOptions {
            client_options: settings.client_options(),
            ..Default::default()
        },
        client_id: client_id.cloned(),
        tenant_id: tenant_id.cloned(),
        token_file_path,
        ..Default::default()
    };
    match WorkloadIdentityCredential::new(Some(options)) {
        Ok(credential) => Ok(credential),
        Err(error) => Err(Failure::refused_with(&error, &settings.secrets)),
    }
}
