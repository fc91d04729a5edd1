//! What a program can choose.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use azure_core::error::{Error, ErrorKind};
use azure_core::http::ClientOptions;
use azure_core::time::Duration;
use azure_identity::{Executor, UserAssignedId};

use crate::selection::Credentials;

/// Looks up the value of an environment variable.
pub type EnvLookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Options of a [`DefaultAzureCredential`](crate::DefaultAzureCredential).
///
/// Minor releases may add fields, as in the Azure SDK: end the expression with `..Default::default()`.
///
/// ```
/// use azure_core::http::{ClientOptions, FixedRetryOptions, RetryOptions};
/// use azure_core::time::Duration;
/// use default_azure_credential::{CredentialKind, Credentials, DefaultAzureCredential, DefaultAzureCredentialOptions};
///
/// # fn main() -> azure_core::Result<()> {
/// let credential = DefaultAzureCredential::new(Some(DefaultAzureCredentialOptions {
///     credentials: Credentials::Except(vec![CredentialKind::AzurePowerShell]),
///     client_options: ClientOptions {
///         retry: RetryOptions::fixed(FixedRetryOptions { max_retries: 2, ..Default::default() }),
///         ..Default::default()
///     },
///     token_timeout: Duration::seconds(20),
///     ..Default::default()
/// }))?;
/// # drop(credential);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DefaultAzureCredentialOptions {
    /// The credentials that the chain may hold. The default is all.
    ///
    /// `AZURE_TOKEN_CREDENTIALS` also restricts the chain. It holds the credentials that both of them allow.
    pub credentials: Credentials,

    /// Environment variables that must be set, and not be empty. If one is not, the credential cannot be created.
    ///
    /// For example, `AZURE_TOKEN_CREDENTIALS` here makes sure that a deployment chooses its credentials.
    pub required_env_vars: Vec<String>,

    /// The user-assigned identity that the managed identity credential requests. The default is the client id in
    /// `AZURE_CLIENT_ID`. Without either, it requests the system-assigned identity.
    ///
    /// `azure_identity` 1.0 rejects a resource id on App Service and similar services.
    pub managed_identity_id: Option<UserAssignedId>,

    /// The client id of the workload identity. The default is `AZURE_CLIENT_ID`.
    pub workload_identity_client_id: Option<String>,

    /// The tenant of the workload identity. The default is `AZURE_TENANT_ID`.
    pub workload_identity_tenant_id: Option<String>,

    /// The file with the token of the Kubernetes service account. The default is `AZURE_FEDERATED_TOKEN_FILE`.
    pub workload_identity_token_file_path: Option<PathBuf>,

    /// The tenant in which `az`, Azure PowerShell and `azd` get tokens. The default is each tool's own.
    pub developer_tools_tenant_id: Option<String>,

    /// The name or id of the subscription whose account `az` uses. The default is the one selected in `az`.
    pub azure_cli_subscription: Option<String>,

    /// Runs `az`, `pwsh` and `azd`. The default is [`azure_identity::new_executor`].
    pub executor: Option<Arc<dyn Executor>>,

    /// The time limit for `az`, `pwsh` or `azd` to return a token. The default is 10 seconds.
    ///
    /// The chain then continues with the next credential. The default executor does not end the process.
    pub process_timeout: Duration,

    /// The transport, retries and cloud of the credentials that use HTTP. The probe of IMDS uses the same
    /// transport. For IMDS the official credential has its own retries: up to six, within 72 seconds.
    pub client_options: ClientOptions,

    /// The time limit of the probe that detects IMDS. The default is one second.
    ///
    /// IMDS answers within milliseconds on machines that have it. Elsewhere, packets to its address are
    /// usually lost. A successful probe is not repeated. The probe is skipped if the managed identity is the only
    /// credential of the chain.
    pub imds_probe_timeout: Duration,

    /// The time limit for a credential that uses HTTP to return a token, including its retries. The default is 90
    /// seconds.
    ///
    /// It covers cases that limits on retries do not: a `Retry-After` of an hour, or a response that never ends.
    pub token_timeout: Duration,

    /// Looks up the environment variables that this crate itself reads. The default is the process's
    /// environment.
    ///
    /// The variables are `AZURE_TOKEN_CREDENTIALS`, `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`,
    /// `AZURE_CLIENT_SECRET`, `AZURE_CLIENT_CERTIFICATE_PATH`, `AZURE_CLIENT_CERTIFICATE_PASSWORD`,
    /// `AZURE_FEDERATED_TOKEN_FILE` and those in `required_env_vars`. An empty variable is treated as unset. They
    /// are read once, when the credential is created. The official credentials always read these from the process's
    /// environment: `IDENTITY_ENDPOINT`, `IDENTITY_HEADER`, `AZURE_AUTHORITY_HOST` and
    /// `AZURE_CLIENT_SEND_CERTIFICATE_CHAIN`.
    pub env: Option<EnvLookup>,
}

impl Default for DefaultAzureCredentialOptions {
    fn default() -> Self {
        Self {
            credentials: Credentials::All,
            required_env_vars: Vec::new(),
            managed_identity_id: None,
            workload_identity_client_id: None,
            workload_identity_tenant_id: None,
            workload_identity_token_file_path: None,
            developer_tools_tenant_id: None,
            azure_cli_subscription: None,
            executor: None,
            process_timeout: Duration::seconds(10),
            client_options: ClientOptions::default(),
            imds_probe_timeout: Duration::seconds(1),
            token_timeout: Duration::seconds(90),
            env: None,
        }
    }
}

impl fmt::Debug for DefaultAzureCredentialOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultAzureCredentialOptions")
            .field("credentials", &self.credentials)
            .field("required_env_vars", &self.required_env_vars)
            .field("managed_identity_id", &self.managed_identity_id)
            .field("workload_identity_client_id", &self.workload_identity_client_id)
            .field("workload_identity_tenant_id", &self.workload_identity_tenant_id)
            .field(
                "workload_identity_token_file_path",
                &self.workload_identity_token_file_path,
            )
            .field("developer_tools_tenant_id", &self.developer_tools_tenant_id)
            .field("azure_cli_subscription", &self.azure_cli_subscription)
            .field("process_timeout", &self.process_timeout)
            .field("imds_probe_timeout", &self.imds_probe_timeout)
            .field("token_timeout", &self.token_timeout)
            .finish_non_exhaustive()
    }
}

impl DefaultAzureCredentialOptions {
    /// The value of an environment variable. `None` if it is unset or empty.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let value = match &self.env {
            Some(lookup) => lookup(name),
            None => env::var(name).ok(),
        };
        value.filter(|value| !value.trim().is_empty())
    }

    /// Returns an error if a required variable is not set.
    pub(crate) fn check_required_env_vars(&self) -> azure_core::Result<()> {
        let names = self.required_env_vars.iter().map(String::as_str);
        let missing: Vec<_> = names.filter(|name| self.variable(name).is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::with_message(
            ErrorKind::Credential,
            format!(
                "required, but not set in the environment: {}. The option `required_env_vars` requires them",
                missing.join(", ")
            ),
        ))
    }
}
