//! What the credentials of the chain take from the options and the environment.

use std::env;
use std::sync::{Arc, OnceLock};

use azure_core::credentials::Secret;
use azure_core::http::{ClientOptions, Transport};

use crate::describe::Secrets;
use crate::last_response::RecordResponse;
use crate::options::DefaultAzureCredentialOptions;

/// The settings of the credentials in the chain.
pub(crate) struct Settings {
    pub options: DefaultAzureCredentialOptions,
    pub variables: Variables,
    pub secrets: Secrets,
    /// Created for the first credential that uses HTTP, because reading the system's certificates takes time.
    transport: OnceLock<Transport>,
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
        let variables = Variables {
            tenant_id: options.variable("AZURE_TENANT_ID"),
            client_id: options.variable("AZURE_CLIENT_ID"),
            client_secret: options.variable("AZURE_CLIENT_SECRET").map(Secret::new),
            certificate_path: options.variable("AZURE_CLIENT_CERTIFICATE_PATH"),
            certificate_password: options.variable("AZURE_CLIENT_CERTIFICATE_PASSWORD").map(Secret::new),
            federated_token_file: options.variable("AZURE_FEDERATED_TOKEN_FILE"),
        };
        // The official credential reads this from the process's environment and sends it.
        let identity_header = env::var("IDENTITY_HEADER").ok();
        let secrets = [&variables.client_secret, &variables.certificate_password];
        let secrets = secrets.into_iter().flatten().map(Secret::secret);
        Self {
            secrets: Secrets::new(secrets.chain(identity_header.as_deref())),
            options,
            variables,
            transport: OnceLock::new(),
        }
    }

    /// The transport that all credentials share.
    pub fn transport(&self) -> Transport {
        let create = || self.options.client_options.transport.clone().unwrap_or_default();
        self.transport.get_or_init(create).clone()
    }

    /// The options of a credential that uses HTTP.
    pub fn client_options(&self) -> ClientOptions {
        let mut options = self.options.client_options.clone();
        options.transport = Some(self.transport());
        options.per_try_policies.push(Arc::new(RecordResponse));
        options
    }
}
