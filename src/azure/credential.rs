//! The identity of this process.

use std::env;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions};
use azure_core::time::Duration;
use default_azure_credential::{DefaultAzureCredential, DefaultAzureCredentialOptions};

/// How often a request for a token is sent again, and how long one may take in all: a person may be
/// waiting, and whoever needs the token asks again.
const RETRIES: u32 = 2;
const TOKEN_TIMEOUT: Duration = Duration::seconds(20);

/// The credential of this process: on App Service its managed identity, on a developer's machine the
/// login of the Azure CLI. `client_id` says which of several user-assigned identities; without it,
/// `AZURE_CLIENT_ID` does.
///
/// Nothing is sent before the first token is asked for.
pub fn credential(client_id: Option<&str>) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let client_id = client_id.map(str::to_owned);
    let credential: Arc<DefaultAzureCredential> =
        DefaultAzureCredential::with_options(DefaultAzureCredentialOptions {
            client_options: ClientOptions {
                retry: RetryOptions::exponential(ExponentialRetryOptions {
                    max_retries: RETRIES,
                    ..Default::default()
                }),
                ..Default::default()
            },
            token_timeout: TOKEN_TIMEOUT,
            env: Some(Arc::new(move |name| match &client_id {
                Some(id) if name == "AZURE_CLIENT_ID" => Some(id.clone()),
                _ => env::var(name).ok(),
            })),
            ..Default::default()
        })?;
    Ok(credential)
}
