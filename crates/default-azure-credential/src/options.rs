//! What a caller may set, and what the process's environment says.

use std::env;
use std::fmt;
use std::sync::{Arc, OnceLock};

use azure_core::credentials::Secret;
use azure_core::http::{ClientOptions, Transport};
use azure_core::time::Duration;
use azure_identity::Executor;

use crate::describe::Secrets;
use crate::last_answer::NoteAnswer;

/// Finds the value of an environment variable.
pub type EnvLookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Options of a [`DefaultAzureCredential`](crate::DefaultAzureCredential).
///
/// ```
/// use azure_core::http::{ClientOptions, FixedRetryOptions, RetryOptions};
/// use azure_core::time::Duration;
/// use default_azure_credential::{DefaultAzureCredential, DefaultAzureCredentialOptions};
///
/// # fn main() -> azure_core::Result<()> {
/// let credential = DefaultAzureCredential::with_options(DefaultAzureCredentialOptions {
///     client_options: ClientOptions {
///         retry: RetryOptions::fixed(FixedRetryOptions { max_retries: 2, ..Default::default() }),
///         ..Default::default()
///     },
///     token_timeout: Duration::seconds(20),
///     ..Default::default()
/// })?;
/// # drop(credential);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DefaultAzureCredentialOptions {
    /// Transport, retries and cloud of the credentials that speak HTTP, and the transport of the
    /// probe for IMDS. On IMDS the official credential sets its own retries: up to six, within 72
    /// seconds.
    pub client_options: ClientOptions,

    /// Runs `az` and `azd`. Default: [`azure_identity::new_executor`].
    pub executor: Option<Arc<dyn Executor>>,

    /// How long IMDS may take to show that it is there. Default: one second.
    ///
    /// IMDS answers within milliseconds on the machines that have it; elsewhere its address swallows
    /// every packet. The probe is not repeated once it succeeded, and left out when
    /// `AZURE_TOKEN_CREDENTIALS` names the managed identity alone.
    pub imds_probe_timeout: Duration,

    /// How long one credential may take for a token, its retries included. Default: 90 seconds.
    ///
    /// A bound for what the retries leave open: a `Retry-After` of an hour, an answer that never
    /// ends, an `az` that waits for something.
    pub token_timeout: Duration,

    /// Looks up the environment variables that this crate itself reads. Default: the process's
    /// environment.
    ///
    /// These are `AZURE_TOKEN_CREDENTIALS`, `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`,
    /// `AZURE_CLIENT_SECRET`, `AZURE_CLIENT_CERTIFICATE_PATH`, `AZURE_CLIENT_CERTIFICATE_PASSWORD`
    /// and `AZURE_FEDERATED_TOKEN_FILE`. An empty value counts as none. They are read once, when the
    /// credential is made. The official credentials read others themselves, always from the process:
    /// `IDENTITY_ENDPOINT`, `IDENTITY_HEADER`, `AZURE_AUTHORITY_HOST`,
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
    /// Where variables are looked up.
    pub(crate) fn lookup(&self) -> EnvLookup {
        self.env.clone().unwrap_or_else(|| Arc::new(|name| env::var(name).ok()))
    }
}

/// The options and the environment, as the credentials of the chain take them.
pub(crate) struct Settings {
    client_options: ClientOptions,
    /// Made for the first credential that speaks HTTP: reading the system's certificates takes time.
    transport: OnceLock<Transport>,
    pub executor: Option<Arc<dyn Executor>>,
    pub imds_probe_timeout: Duration,
    pub token_timeout: Duration,
    pub variables: Variables,
    pub secrets: Secrets,
}

/// The values of the environment variables; `None` where one is not set or empty.
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
        let lookup = options.lookup();
        let get = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let variables = Variables {
            tenant_id: get("AZURE_TENANT_ID"),
            client_id: get("AZURE_CLIENT_ID"),
            client_secret: get("AZURE_CLIENT_SECRET").map(Secret::new),
            certificate_path: get("AZURE_CLIENT_CERTIFICATE_PATH"),
            certificate_password: get("AZURE_CLIENT_CERTIFICATE_PASSWORD").map(Secret::new),
            federated_token_file: get("AZURE_FEDERATED_TOKEN_FILE"),
        };
        // Sent by the official credential, which takes it from the process.
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

    /// The one transport of all credentials.
    pub fn transport(&self) -> Transport {
        let given = || self.client_options.transport.clone().unwrap_or_default();
        self.transport.get_or_init(given).clone()
    }

    /// The options of a credential that speaks HTTP.
    pub fn client_options(&self) -> ClientOptions {
        let mut options = self.client_options.clone();
        options.transport = Some(self.transport());
        options.per_try_policies.push(Arc::new(NoteAnswer));
        options
    }
}
