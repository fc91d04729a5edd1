//! A developer's login in `az`, Azure PowerShell or `azd`.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential, AzureDeveloperCliCredentialOptions,
};

use crate::error::Failure;
use crate::settings::Settings;
use crate::sources::azure_powershell::AzurePowerShellCredential;

/// The Azure CLI. Whether it is installed and signed in is known only after running it.
pub(crate) fn azure_cli(settings: &Settings) -> Result<Arc<dyn TokenCredential>, Failure> {
    let options = AzureCliCredentialOptions {
        executor: settings.options.executor.clone(),
        subscription: settings.options.azure_cli_subscription.clone(),
        tenant_id: settings.options.developer_tools_tenant_id.clone(),
        ..Default::default()
    };
    match AzureCliCredential::new(Some(options)) {
        Ok(credential) => Ok(credential),
        Err(error) => Err(Failure::refused_with(&error, &settings.secrets)),
    }
}

/// Azure PowerShell. Whether it is installed and signed in is known only after running it.
pub(crate) fn azure_powershell(settings: &Settings) -> Result<Arc<dyn TokenCredential>, Failure> {
    let executor = settings.options.executor.clone();
    match AzurePowerShellCredential::new(executor, settings.options.developer_tools_tenant_id.clone()) {
        Ok(credential) => Ok(credential),
        Err(error) => Err(Failure::refused_with(&error, &settings.secrets)),
    }
}

/// The Azure Developer CLI. Whether it is installed and signed in is known only after running it.
pub(crate) fn azure_developer_cli(settings: &Settings) -> Result<Arc<dyn TokenCredential>, Failure> {
    let options = AzureDeveloperCliCredentialOptions {
        executor: settings.options.executor.clone(),
        tenant_id: settings.options.developer_tools_tenant_id.clone(),
        ..Default::default()
    };
    match AzureDeveloperCliCredential::new(Some(options)) {
        Ok(credential) => Ok(credential),
        Err(error) => Err(Failure::refused_with(&error, &settings.secrets)),
    }
}

/// Classifies every error as "not available". Only the wording of an error distinguishes a tool that is not installed
/// from one that is not signed in, or is signed in to another tenant. In all these cases the chain tries the next tool.
pub(crate) fn failure(settings: &Settings, error: &azure_core::Error) -> Failure {
    Failure {
        refused: false,
        ..Failure::refused_with(error, &settings.secrets)
    }
}
