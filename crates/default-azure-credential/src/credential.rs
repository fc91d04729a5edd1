//! The credential for applications.

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use futures_util::FutureExt as _;

use crate::chain::Chain;
use crate::options::DefaultAzureCredentialOptions;
use crate::selection::select;
use crate::settings::Settings;
use crate::shared_fetch::SharedFetches;

/// Authenticates with the first credential that is available where the program runs.
///
/// It tries these credentials in this order until one returns a token:
///
/// | Credential | Available if |
/// |---|---|
/// | `EnvironmentCredential` | `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET` are set; with the feature `client_certificate`, `AZURE_CLIENT_CERTIFICATE_PATH` (PKCS #12) can replace the secret |
/// | `WorkloadIdentityCredential` | `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_FEDERATED_TOKEN_FILE` are set |
/// | `ManagedIdentityCredential` | `IDENTITY_ENDPOINT` is set, or IMDS answers. `AZURE_CLIENT_ID` selects a user-assigned identity |
/// | `AzureCliCredential` | `az` is signed in (`az login`) |
/// | `AzurePowerShellCredential` | PowerShell is signed in (`Connect-AzAccount`) |
/// | `AzureDeveloperCliCredential` | `azd` is signed in (`azd auth login`) |
///
/// - `AZURE_TOKEN_CREDENTIALS` restricts the chain: `prod` keeps the first three, `dev` the last three, and a name
///   only that credential. So does the option
///   [`credentials`](DefaultAzureCredentialOptions::credentials).
/// - The chain skips a credential that is not available. If one is available but fails, the chain stops with its
///   error, so that a deployed service never falls back to a developer's login.
/// - After a credential has returned a token, only that one is used.
/// - Concurrent calls for the same scopes share one fetch.
///
/// The order, names and variables are those of the other Azure SDKs:
/// <https://learn.microsoft.com/azure/developer/python/sdk/authentication/credential-chains>.
pub struct DefaultAzureCredential {
    chain: Arc<Chain>,
    fetches: SharedFetches,
}

impl DefaultAzureCredential {
    /// Creates a credential. `None` stands for the default options.
    ///
    /// It sends no request and runs no tool until a token is needed.
    ///
    /// # Errors
    ///
    /// Returns an error if `AZURE_TOKEN_CREDENTIALS` has an invalid value, if no credential is left to try, or if a
    /// variable of `required_env_vars` is not set. All other errors are returned by
    /// [`get_token`](TokenCredential::get_token).
    ///
    /// ```
    /// use default_azure_credential::DefaultAzureCredential;
    ///
    /// # fn main() -> azure_core::Result<()> {
    /// let credential = DefaultAzureCredential::new(None)?;
    /// # drop(credential);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(options: Option<DefaultAzureCredentialOptions>) -> azure_core::Result<Arc<Self>> {
        let options = options.unwrap_or_default();
        options.check_required_env_vars()?;
        let kinds = select(&options.credentials, |name| options.variable(name))?;
        Ok(Arc::new(Self {
            chain: Arc::new(Chain::new(kinds, Settings::new(options))),
            fetches: SharedFetches::default(),
        }))
    }
}

impl fmt::Debug for DefaultAzureCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultAzureCredential")
            .field("chain", &self.chain.names().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl TokenCredential for DefaultAzureCredential {
    /// Gets a token.
    ///
    /// The environment, workload identity and managed identity credentials cache their tokens until five minutes
    /// before they expire. `az`, PowerShell and `azd` run at every call and have their own caches.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`Credential`](ErrorKind::Credential). It contains a
    /// [`DefaultAzureCredentialError`](crate::DefaultAzureCredentialError), unless `scopes` is empty.
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        if scopes.is_empty() {
            return Err(Error::with_message(
                ErrorKind::Credential,
                "DefaultAzureCredential needs at least one scope",
            ));
        }
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let fetch = self.fetches.join_or_start(scopes, |scopes| {
            let chain = Arc::clone(&self.chain);
            let context = options.unwrap_or_default().method_options.context.into_owned();
            async move {
                let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
                chain.token(&scopes, &context).await
            }
            .boxed()
        });
        Ok(fetch.await?)
    }
}
