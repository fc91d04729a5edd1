//! The chain: tries one credential after another, and remembers the first that returned a token.

use std::sync::{Arc, OnceLock};

use async_lock::Mutex;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::{ClientMethodOptions, Context};
use azure_core::time::Duration;

use crate::credential_kind::CredentialKind;
use crate::error::{Attempt, DefaultAzureCredentialError, Failure, TokenResult};
use crate::last_response::LastResponse;
use crate::settings::Settings;
use crate::sources::{developer_tools, environment, managed_identity, workload_identity};
use crate::time_limit::with_time_limit;

/// The credentials to try, in order.
pub(crate) struct Chain {
    settings: Settings,
    links: Vec<Link>,
    /// The index of the first credential that returned a token. From then on, only this one is used.
    selected: OnceLock<usize>,
    /// Held while a credential is being selected. Two concurrent selections could select different identities.
    selection: Mutex<()>,
}

/// One credential of the chain.
struct Link {
    kind: CredentialKind,
    /// Created once it is known to be available. It is kept when it fails, so that a later selection cannot skip it.
    credential: OnceLock<Arc<dyn TokenCredential>>,
}

impl Chain {
    pub fn new(kinds: Vec<CredentialKind>, settings: Settings) -> Self {
        let links = kinds.into_iter().map(|kind| Link {
            kind,
            credential: OnceLock::new(),
        });
        Self {
            settings,
            links: links.collect(),
            selected: OnceLock::new(),
            selection: Mutex::new(()),
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.links.iter().map(|link| link.kind.name())
    }

    /// Returns a token of the selected credential. Selects the first one that returns a token, if none is selected.
    pub async fn token(&self, scopes: &[&str], context: &Context<'static>) -> TokenResult {
        if let Some(index) = self.selected.get() {
            return self.token_of_selected(*index, scopes, context).await;
        }
        let selection = self.selection.lock().await;
        if let Some(index) = self.selected.get() {
            drop(selection);
            return self.token_of_selected(*index, scopes, context).await;
        }

        let mut attempts = Vec::new();
        for (index, link) in self.links.iter().enumerate() {
            let name = link.kind.name();
            match self.token_of(link, scopes, context).await {
                Ok(token) => {
                    tracing::info!("DefaultAzureCredential uses {name}");
                    self.selected.get_or_init(|| index);
                    return Ok(token);
                }
                Err(failure) => {
                    let attempt = Attempt::new(name, failure);
                    tracing::debug!("DefaultAzureCredential got no token from {attempt}");
                    let stop = attempt.is_refused();
                    attempts.push(attempt);
                    if stop {
                        break;
                    }
                }
            }
        }
        Err(DefaultAzureCredentialError::new(attempts))
    }

    /// Once a credential has returned a token it is known to be available, so its failures are final.
    async fn token_of_selected(&self, index: usize, scopes: &[&str], context: &Context<'static>) -> TokenResult {
        let link = &self.links[index];
        self.token_of(link, scopes, context).await.map_err(|failure| {
            let failure = Failure {
                refused: true,
                ..failure
            };
            DefaultAzureCredentialError::new(vec![Attempt::new(link.kind.name(), failure)])
        })
    }

    async fn token_of(&self, link: &Link, scopes: &[&str], context: &Context<'static>) -> Result<AccessToken, Failure> {
        let credential = if let Some(credential) = link.credential.get() {
            credential
        } else {
            let credential = self.create(link.kind).await?;
            link.credential.get_or_init(|| credential)
        };
        let limit = self.time_limit(link.kind);
        let last_response = LastResponse::default();
        let options = TokenRequestOptions {
            method_options: ClientMethodOptions {
                context: context.clone().with_value(last_response.clone()),
            },
        };
        match with_time_limit(limit, credential.get_token(scopes, Some(options))).await {
            Some(Ok(token)) => Ok(token),
            Some(Err(error)) => Err(self.failure(link.kind, &error)),
            None => {
                let status = last_response.status();
                let last = status.map(|status| format!("; the last response was HTTP {}", u16::from(status)));
                Err(Failure {
                    refused: !link.kind.is_developer_tool(),
                    reason: format!(
                        "no token within {} ms{}",
                        limit.whole_milliseconds(),
                        last.unwrap_or_default()
                    ),
                    status,
                })
            }
        }
    }

    fn time_limit(&self, kind: CredentialKind) -> Duration {
        let options = &self.settings.options;
        if kind.is_developer_tool() {
            options.process_timeout
        } else {
            options.token_timeout
        }
    }

    /// Creates the credential if it is available.
    async fn create(&self, kind: CredentialKind) -> Result<Arc<dyn TokenCredential>, Failure> {
        let settings = &self.settings;
        match kind {
            CredentialKind::Environment => environment::credential(settings),
            CredentialKind::WorkloadIdentity => workload_identity::credential(settings),
            CredentialKind::ManagedIdentity => {
                // If the chain holds no other credential, there is no next one to reach quickly. As in the other
                // Azure SDKs, the probe is then skipped.
                let probe = self.links.len() > 1;
                managed_identity::credential(settings, probe).await
            }
            CredentialKind::AzureCli => developer_tools::azure_cli(settings),
            CredentialKind::AzurePowerShell => developer_tools::azure_powershell(settings),
            CredentialKind::AzureDeveloperCli => developer_tools::azure_developer_cli(settings),
        }
    }

    /// Classifies an error of an available credential.
    fn failure(&self, kind: CredentialKind, error: &azure_core::Error) -> Failure {
        match kind {
            CredentialKind::ManagedIdentity => managed_identity::failure(&self.settings, error),
            CredentialKind::Environment | CredentialKind::WorkloadIdentity => {
                Failure::refused_with(error, &self.settings.secrets)
            }
            CredentialKind::AzureCli | CredentialKind::AzurePowerShell | CredentialKind::AzureDeveloperCli => {
                developer_tools::failure(&self.settings, error)
            }
        }
    }
}
