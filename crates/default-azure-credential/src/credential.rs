//! The credential that an application uses.

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use futures_util::FutureExt as _;

use crate::chain::Chain;
use crate::flight::Flights;
use crate::kind::Kind;
use crate::options::{DefaultAzureCredentialOptions, Settings};

/// Authenticates by whatever the place where the program runs has to offer.
///
/// It asks these credentials in this order, until one gives a token:
///
/// | `AZURE_TOKEN_CREDENTIALS` | is available when |
/// |---|---|
/// | `EnvironmentCredential` | `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET` are set; with the feature `client_certificate` also when `AZURE_CLIENT_CERTIFICATE_PATH` (PKCS #12) stands for the secret |
/// | `WorkloadIdentityCredential` | `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_FEDERATED_TOKEN_FILE` are set |
/// | `ManagedIdentityCredential` | `IDENTITY_ENDPOINT` is set, or IMDS answers. `AZURE_CLIENT_ID` chooses a user-assigned identity |
/// | `AzureCliCredential` | `az login` |
/// | `AzureDeveloperCliCredential` | `azd auth login` |
///
/// - `AZURE_TOKEN_CREDENTIALS` = `prod` keeps the first three, `dev` the last two, a name that one.
/// - A credential that is not available is passed by. One that is available but refused ends the
///   search with its error: a deployed service does not go on to a developer's login.
/// - The first credential that gave a token is the only one asked from then on.
/// - Concurrent calls for the same scopes share one fetch.
///
/// Order, names and variables are those of the other Azure SDKs:
/// <https://learn.microsoft.com/azure/developer/python/sdk/authentication/credential-chains>.
pub struct DefaultAzureCredential {
    chain: Arc<Chain>,
    flights: Flights,
}

impl DefaultAzureCredential {
    /// Makes a credential with default options.
    ///
    /// # Errors
    ///
    /// When `AZURE_TOKEN_CREDENTIALS` has a value that it does not take. Everything else shows when a
    /// token is wanted.
    ///
    /// ```
    /// use default_azure_credential::DefaultAzureCredential;
    ///
    /// # fn main() -> azure_core::Result<()> {
    /// let credential = DefaultAzureCredential::new()?;
    /// # drop(credential);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new() -> azure_core::Result<Arc<Self>> {
        Self::with_options(DefaultAzureCredentialOptions::default())
    }

    /// Makes a credential.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_options(options: DefaultAzureCredentialOptions) -> azure_core::Result<Arc<Self>> {
        let kinds = Kind::chain(&options.lookup())?;
        Ok(Arc::new(Self {
            chain: Arc::new(Chain::new(kinds, Settings::new(options))),
            flights: Flights::default(),
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
    /// The environment, workload and managed identity keep their tokens until five minutes before
    /// they expire; `az` and `azd` keep theirs themselves, and run at every call.
    ///
    /// # Errors
    ///
    /// A [`DefaultAzureCredentialError`](crate::DefaultAzureCredentialError) inside an error of kind
    /// [`Credential`](ErrorKind::Credential); without one when there are no scopes.
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
        let fetch = self.flights.join(scopes, |scopes| {
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
