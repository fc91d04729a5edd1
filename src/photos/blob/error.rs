//! Explains errors of Blob Storage to the person who sets up the site: each message names the missing role or command.
//! No message contains a token: text from elsewhere is quoted without its long words.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::headers::HeaderName;
use azure_storage_blob::StorageError;
use azure_storage_blob::models::StorageErrorCode;
use url::{Host, Url};

use crate::config::StorageConfig;
use crate::error_chain::chain;
use crate::photos::PhotoName;

/// Why a call to Blob Storage failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BlobError(String);

/// Where the container is. Explains errors with its names.
#[derive(Debug, Clone)]
pub(super) struct ContainerAddress {
    account_url: Url,
    container: String,
    client_id: Option<String>,
}

impl fmt::Display for ContainerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.account_url.as_str().trim_end_matches('/');
        write!(f, "Blob Storage {url}, container {}", self.container)
    }
}

impl ContainerAddress {
    pub(super) fn of(config: &StorageConfig) -> Self {
        Self {
            account_url: config.account_url.clone(),
            container: config.container.clone(),
            client_id: config.client_id.clone(),
        }
    }

    pub(super) fn url(&self) -> Url {
        let mut url = self.account_url.clone();
        url.path_segments_mut()
            .expect("an https URL has a path")
            .pop_if_empty()
            .push(&self.container);
        url
    }

    fn error(&self, message: impl fmt::Display) -> BlobError {
        BlobError(format!("{self}: {message}"))
    }

    /// The client cannot be built from the settings.
    pub(super) fn misconfigured(&self, error: &(dyn Error + 'static)) -> BlobError {
        self.error(format_args!("it cannot be used: {}", without_secrets(&chain(error))))
    }

    /// There was no answer in time.
    pub(super) fn timed_out(&self, limit: Duration) -> BlobError {
        self.error(format_args!(
            "no answer within {} seconds. Is the account's network open to this site? {}",
            limit.as_secs(),
            self.show_network()
        ))
    }

    /// A blob is too large to be a photo of this site.
    pub(super) fn too_large(&self, name: &PhotoName) -> BlobError {
        self.error(format_args!("{name} is larger than any photo of this site"))
    }

    /// A download ended early.
    pub(super) fn interrupted(&self, error: &(dyn Error + 'static)) -> BlobError {
        self.error(without_secrets(&chain(error)))
    }

    /// The SDK returned an error.
    pub(super) fn explain(&self, error: azure_core::Error) -> BlobError {
        match error.kind() {
            ErrorKind::HttpResponse { .. } => self.refused(error),
            ErrorKind::Credential => self.error(format_args!(
                "there is no Entra token for it: {}. In Azure, give the site an identity (az webapp identity assign) \
                 and set AZURE_CLIENT_ID to its client id; on your own machine, run: az login",
                without_secrets(&chain(&error))
            )),
            _ => self.unreachable(&error),
        }
    }

    /// The service refused the request.
    fn refused(&self, error: azure_core::Error) -> BlobError {
        let status = error.http_status().map_or(0, u16::from);
        let code = code_of(&error).unwrap_or_default();
        // `None` if the answer does not come from Blob Storage but, for example, from a proxy.
        let answer = StorageError::try_from(error).ok();
        let detail = answer.as_ref().and_then(|answer| {
            let text = answer.authentication_error_detail.as_ref()?;
            Some(format!(" ({})", without_secrets(text)))
        });
        let detail = detail.unwrap_or_default();
        let request = answer
            .and_then(|answer| answer.request_id)
            .map(|id| format!(", request {}", without_secrets(&id)));
        let answered = format!("{status} {}{}", without_secrets(&code), request.unwrap_or_default());

        let (account, container) = (self.account(), &self.container);
        let identity = self.client_id.as_deref().unwrap_or("<client id of the identity>");
        let advice = match code.as_str() {
            "AuthorizationPermissionMismatch" | "InsufficientAccountPermissions" => format!(
                "its identity lacks a role. Grant it: az role assignment create --role \"Storage Blob Data \
                 Contributor\" --assignee {identity} --scope $(az storage account show {account} \
                 --query id --output tsv). A new role can take ten minutes to work"
            ),
            "ContainerNotFound" => format!(
                "there is no such container. Create it: az storage container create --name {container} {account} \
                 --auth-mode login"
            ),
            "AuthenticationFailed" | "InvalidAuthenticationInfo" => format!(
                "the Entra token is not accepted{detail}. The account and the identity must be in the same tenant (az \
                 account show --query tenantId), and this machine's clock must be right"
            ),
            "PublicAccessNotPermitted" | "NoAuthenticationInformation" => format!(
                "no token arrived, and the account allows no anonymous access. Something on the way, such as a proxy, \
                 removes the header Authorization. The account's setting: az storage account show {account} --query \
                 allowBlobPublicAccess"
            ),
            "AuthorizationFailure" | "AuthorizationSourceIPMismatch" => format!(
                "the account's network rules do not let this site in. See them: {}",
                self.show_network()
            ),
            "AccountIsDisabled" => format!(
                "the account is disabled, for example because its subscription ended. See its state: az storage account \
                 show {account} --query statusOfPrimary, and its subscription's: az account list --query \
                 \"[].{{name:name, state:state}}\""
            ),
            _ => "it refused the request".to_owned(),
        };
        self.error(format_args!("{advice}. It answered {answered}"))
    }

    /// The service did not answer.
    fn unreachable(&self, error: &azure_core::Error) -> BlobError {
        // The SDK's own message is about its retries, which does not help.
        let cause = causes(error).find(|cause| !cause.is::<azure_core::Error>());
        let cause = without_secrets(&chain(cause.unwrap_or(error)));
        let host = self.account_url.host_str().unwrap_or_default();
        // The HTTP client passes on the causes from the resolver and the TLS library as text.
        if cause.contains("dns error") {
            self.error(format_args!(
                "the name {host} cannot be resolved. Is STORAGE_ACCOUNT_NAME right (az storage account list --query \
                 \"[].name\")? With a private endpoint, its DNS zone must be linked to the site's network. The \
                 cause: {cause}"
            ))
        } else if cause.contains("invalid peer certificate") {
            self.error(format_args!(
                "the certificate of {host} is not trusted, so no token is sent. To trust it, as with Azurite, set \
                 SSL_CERT_FILE to a PEM file with the certificate of its authority. The cause: {cause}"
            ))
        } else if cause.contains("timed out") {
            self.error(format_args!(
                "it cannot be reached: {cause}. Is the account's network open to this site? {}",
                self.show_network()
            ))
        } else {
            self.error(format_args!("it cannot be reached: {cause}"))
        }
    }

    fn show_network(&self) -> String {
        format!(
            "az storage account show {} --query \"{{access:publicNetworkAccess, rules:networkRuleSet}}\"",
            self.account()
        )
    }

    /// The account as an option for the Azure CLI.
    fn account(&self) -> String {
        let name = match self.account_url.host() {
            Some(Host::Domain(domain)) if domain.contains(".blob.") => domain.split('.').next(),
            // Azurite by address: the account is the first part of the path.
            _ => self.account_url.path_segments().and_then(|mut path| path.next()),
        };
        let name = name.filter(|name| !name.is_empty()).unwrap_or("<account>");
        format!("--account-name {name}")
    }
}

/// Whether the service answered with this code.
pub(super) fn has_code(error: &azure_core::Error, code: &StorageErrorCode) -> bool {
    code_of(error).as_deref() == Some(code.as_ref())
}

/// The service's error code, such as `ContainerNotFound`.
fn code_of(error: &azure_core::Error) -> Option<String> {
    let ErrorKind::HttpResponse { raw_response, .. } = error.kind() else {
        return None;
    };
    let headers = raw_response.as_ref()?.headers();
    headers.get_optional_string(&HeaderName::from_static("x-ms-error-code"))
}

/// An error and its causes.
fn causes(error: &azure_core::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |error| (*error).source())
}

/// A text from elsewhere, in one line. A token is one long word of letters and digits, so long words are removed.
fn without_secrets(text: &str) -> String {
    /// Longer than any code, request id or host name.
    const LONGEST: usize = 80;
    let words = text.split_whitespace().map(|word| {
        let is_long = word
            .split(|c: char| !c.is_ascii_alphanumeric() && !"-_.+=".contains(c))
            .any(|part| part.len() > LONGEST);
        if is_long { "[removed]" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A credential that marks its errors, so that they can be distinguished from those of the service. The SDK does not
/// retry them; the credentials do so themselves.
#[derive(Debug)]
pub(super) struct MarkedCredential(pub(super) Arc<dyn TokenCredential>);

#[async_trait]
impl TokenCredential for MarkedCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let token = self.0.get_token(scopes, options).await;
        token.map_err(|error| azure_core::Error::with_message(ErrorKind::Credential, chain(&error)))
    }
}
