//! The identity of this process.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions};
use azure_core::time::Duration;
use default_azure_credential::{DefaultAzureCredential, DefaultAzureCredentialOptions, UserAssignedId};

use crate::telemetry::client_options;

/// How often a request for a token is retried, and how long it may take in total. Both are small: a visitor may be
/// waiting, and the caller retries later.
const RETRIES: u32 = 2;
const TOKEN_TIMEOUT: Duration = Duration::seconds(20);

/// The credential of this process: its managed identity on App Service, the login of the Azure CLI on a developer's
/// machine. `client_id` selects one of several user-assigned identities; by default, `AZURE_CLIENT_ID` does.
///
/// Sends no request until the first token is needed.
pub fn credential(client_id: Option<&str>) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let client_id = client_id.map(str::to_owned);
    let credential = DefaultAzureCredential::new(Some(DefaultAzureCredentialOptions {
        client_options: ClientOptions {
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                max_retries: RETRIES,
                ..Default::default()
            }),
            ..client_options()
        },
        managed_identity_id: client_id.clone().map(UserAssignedId::ClientId),
        workload_identity_client_id: client_id,
        token_timeout: TOKEN_TIMEOUT,
        ..Default::default()
    }))?;
    Ok(credential)
}
