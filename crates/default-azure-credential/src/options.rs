//! The options of a caller, and the settings that the credentials take from them and from the environment.

use std::env;
use std::fmt;
use std::sync::{Arc, OnceLock};

use azure_core::credentials::Secret;
use azure_core::http::{ClientOptions, Transport};
use azure_core::time::Duration;
use azure_identity::Executor;

use crate::describe::Secrets;
use crate::last_response::RecordResponse;

/// Looks up the value of an environment variable.
pub type EnvLookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Options of a [`DefaultAzureCredential`](crate::DefaultAzureCredential).
///
/// ```
/// use azure_core::http::{ClientOptions, FixedRetryOptions, RetryOptions};
/// use azure_core::time::Duration;
/// use default_azure_credential::{DefaultAzureCredential, DefaultAzureCredentialOptions};
///
/// # fn main() -> azure_core::Result<()> {
/// let credential = DefaultAzureCredential::new(Some(DefaultAzureCredentialOptions {
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
    /// The transport, retries and cloud of the credentials that use HTTP. The probe of IMDS uses the same
    /// transport. For IMDS the official credential has its own retries: up to six, within 72 seconds.
    pub client_options: ClientOptions,

    /// Runs `az` and `azd`. The default is [`azure_identity::new_executor`].
    pub executor: Option<Arc<dyn Executor>>,

    /// The time limit of the probe that detects IMDS. The default is one second.
    ///
    /// IMDS answers within milliseconds on machines that have it. Elsewhere, packets to its address are
    /// usually lost. A successful probe is not repeated. The probe is skipped if `AZURE_TOKEN_CREDENTIALS`
    /// selects only the managed identity.
    pub imds_probe_timeout: Duration,

    /// The time limit for one credential to return a token, including its retries. The default is 90 seconds.
    ///
    /// It covers cases that limits on retries do not: a `Retry-After` of an hour, a response that never ends, or
    /// an `az` that waits for input.
    pub token_timeout: Duration,

    /// Looks up the environment variables that this crate itself reads. The default is the process's
    /// environment.
    ///
    /// The variables are `AZURE_TOKEN_CREDENTIALS`, `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`,
    /// `AZURE_CLIENT_SECRET`, `AZURE_CLIENT_CERTIFICATE_PATH`, `AZURE_CLIENT_CERTIFICATE_PASSWORD`
    /// and `AZURE_FEDERATED_TOKEN_FILE`. An empty variable is treated as unset. They are read once, when the
    /// credential is created. The official credentials always read these from the process's environment:
    /// `IDENTITY_ENDPOINT`, `IDENTITY_HEADER`, `AZURE_AUTHORITY_HOST` and
    /// `AZURE_CLIENT_SEND_CERTIFICATE_CHAIN`.
    pub env: Option<EnvLookup>,
}

impl Default for DefaultAzureCredentialOptions {
    fn default() -> Self {
        Self {
            client_options: ClientOptions::default(),
            executor: None,
            imds_probe_timeout: Duration::seconds(1),
            token_timeout: Duration::seconds(90),
            env: None,
        }
    }
}

impl fmt::Debug for DefaultAzureCredentialOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultAzureCredentialOptions")
            .field("imds_probe_timeout", &self.imds_probe_timeout)
            .field("token_timeout", &self.token_timeout)
            .finish_non_exhaustive()
    }
}

impl DefaultAzureCredentialOptions {
    /// The lookup of environment variables: the caller's, or the process's environment.
    pub(crate) fn env_lookup(&self) -> EnvLookup {
        self.env.clone().unwrap_or_else(|| Arc::new(|name| env::var(name).ok()))
    }
}

/// The settings of the credentials in the chain, from the options and the environment.
pub(crate) struct Settings {
    client_options: ClientOptions,
    /// Created for the first credential that uses HTTP, because reading the system's certificates takes time.
    transport: OnceLock<Transport>,
    pub executor: Option<Arc<dyn Executor>>,
    pub imds_probe_timeout: Duration,
    pub token_timeout: Duration,
    pub variables: Variables,
    pub secrets: Secrets,
}

/// The values of environment variables. `None` if a variable is unset or empty.
pub(crate) struct Variables {
    pub tenant_id: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    pub certificate_path: Option<String>,
    pub certificate_password: Option<Secret>,
    pub federated_token_file: Option<String>,
}

impl Settings {
    pub fn new(options: DefaultAzureCredentialOptions) -> Self {
        let lookup = options.env_lookup();
        let get = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let variables = Variables {
            tenant_id: get("AZURE_TENANT_ID"),
            client_id: get("AZURE_CLIENT_ID"),
            client_secret: get("AZURE_CLIENT_SECRET").map(Secret::new),
            certificate_path: get("AZURE_CLIENT_CERTIFICATE_PATH"),
            certificate_password: get("AZURE_CLIENT_CERTIFICATE_PASSWORD").map(Secret::new),
            federated_token_file: get("AZURE_FEDERATED_TOKEN_FILE"),
        };
        // The official credential reads this from the process's environment and sends it.
        let identity_header = env::var("IDENTITY_HEADER").ok();
        let secrets = [&variables.client_secret, &variables.certificate_password];
        let secrets = secrets.into_iter().flatten().map(Secret::secret);
        Self {
            client_options: options.client_options,
            transport: OnceLock::new(),
            executor: options.executor,
            imds_probe_timeout: options.imds_probe_timeout,
            token_timeout: options.token_timeout,
            secrets: Secrets::new(secrets.chain(identity_header.as_deref())),
            variables,
        }
    }

    /// The transport that all credentials share.
    pub fn transport(&self) -> Transport {
        let create = || self.client_options.transport.clone().unwrap_or_default();
        self.transport.get_or_init(create).clone()
    }

    /// The options of a credential that uses HTTP.
    pub fn client_options(&self) -> ClientOptions {
        let mut options = self.client_options.clone();
        options.transport = Some(self.transport());
        options.per_try_policies.push(Arc::new(RecordResponse));
        options
    }
}
