//! The login of a developer at `az` or `azd`.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential, AzureDeveloperCliCredentialOptions,
};

use super::refusal;
use crate::error::Failure;
use crate::options::Settings;

/// The Azure CLI. Whether it is installed and logged in shows when it runs.
pub(crate) fn azure_cli(settings: &Settings) -> Result<Arc<dyn TokenCredential>, Failure> {
    let options = AzureCliCredentialOptions {
        executor: settings.executor.clone(),
        ..Default::default()
    };
    match AzureCliCredential::new(Some(options)) {
        Ok(credential) => Ok(credential),
        Err(error) => Err(refusal(settings, &error)),
    }
}

/// The Azure Developer CLI, likewise.
pub(crate) fn azure_developer_cli(settings: &Settings) -> Result<Arc<dyn TokenCredential>, Failure> {
    let options = AzureDeveloperCliCredentialOptions {
        executor: settings.executor.clone(),
        ..Default::default()
    };
    match AzureDeveloperCliCredential::new(Some(options)) {
        Ok(credential) => Ok(credential),
        Err(error) => Err(refusal(settings, &error)),
    }
}

/// Not installed, not logged in, logged in to another tenant: the tools tell them apart in prose
/// only. None of them says that the next tool must not be asked, and there is nothing else behind.
pub(crate) fn failure(settings: &Settings, error: &azure_core::Error) -> Failure {
    Failure {
        refused: false,
        ..refusal(settings, error)
    }
}
