//! The chain: asks one credential after the other, and remembers the one that worked.

use std::sync::{Arc, OnceLock};

use async_lock::Mutex;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::{ClientMethodOptions, Context};

use crate::error::{Attempt, DefaultAzureCredentialError, Failure};
use crate::flight::Outcome;
use crate::kind::Kind;
use crate::last_answer::LastAnswer;
use crate::options::Settings;
use crate::sources::{self, developer_tools, environment, managed_identity, workload_identity};
use crate::within::within;

/// The credentials to ask, in order.
pub(crate) struct Chain {
    settings: Settings,
    links: Vec<Link>,
    /// Index of the first credential that gave a token. From then on it alone is asked.
    remembered: OnceLock<usize>,
    /// Held while the chain is walked. Two walks at once could end at two identities.
    walk: Mutex<()>,
}

struct Link {
    kind: Kind,
    /// The official credential, made once it is known to be available here. It stays when its token
    /// is refused, so that a later walk cannot pass by what was there before.
    credential: OnceLock<Arc<dyn TokenCredential>>,
}

impl Chain {
    pub fn new(kinds: Vec<Kind>, settings: Settings) -> Self {
        let links = kinds.into_iter().map(|kind| Link {
            kind,
            credential: OnceLock::new(),
        });
        Self {
            settings,
            links: links.collect(),
            remembered: OnceLock::new(),
            walk: Mutex::new(()),
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.links.iter().map(|link| link.kind.name())
    }

    /// A token of the first credential that has one.
    pub async fn token(&self, scopes: &[&str], context: &Context<'static>) -> Outcome {
        if let Some(index) = self.remembered.get() {
            return self.ask_remembered(*index, scopes, context).await;
        }
        let walk = self.walk.lock().await;
        if let Some(index) = self.remembered.get() {
            drop(walk);
            return self.ask_remembered(*index, scopes, context).await;
        }

        let mut attempts = Vec::new();
        for (index, link) in self.links.iter().enumerate() {
            let name = link.kind.name();
            match self.ask(link, scopes, context).await {
                Ok(token) => {
                    tracing::info!("DefaultAzureCredential uses {name}");
                    self.remembered.get_or_init(|| index);
                    return Ok(token);
                }
                Err(failure) => {
                    let attempt = Attempt::new(name, failure);
                    tracing::debug!("DefaultAzureCredential gets no token from {attempt}");
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

    /// Once a credential has given a token it is available, so whatever it says is final.
    async fn ask_remembered(&self, index: usize, scopes: &[&str], context: &Context<'static>) -> Outcome {
        let link = &self.links[index];
        self.ask(link, scopes, context).await.map_err(|failure| {
            let failure = Failure {
                refused: true,
                ..failure
            };
            DefaultAzureCredentialError::new(vec![Attempt::new(link.kind.name(), failure)])
        })
    }

    async fn ask(&self, link: &Link, scopes: &[&str], context: &Context<'static>) -> Result<AccessToken, Failure> {
        let credential = if let Some(credential) = link.credential.get() {
            credential
        } else {
            let credential = self.make(link.kind).await?;
            link.credential.get_or_init(|| credential)
        };
        let limit = self.settings.token_timeout;
        let last_answer = LastAnswer::default();
        let options = TokenRequestOptions {
            method_options: ClientMethodOptions {
                context: context.clone().with_value(last_answer.clone()),
            },
        };
        match within(limit, credential.get_token(scopes, Some(options))).await {
            Some(Ok(token)) => Ok(token),
            Some(Err(error)) => Err(self.failure(link.kind, &error)),
            None => {
                let status = last_answer.status();
                let last = status.map(|status| format!("; the last answer was HTTP {}", u16::from(status)));
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

    /// Makes the official credential, if it is available here.
    async fn make(&self, kind: Kind) -> Result<Arc<dyn TokenCredential>, Failure> {
        let settings = &self.settings;
        match kind {
            Kind::Environment => environment::credential(settings),
            Kind::WorkloadIdentity => workload_identity::credential(settings),
            Kind::ManagedIdentity => {
                // A chain of it alone has nowhere to move on to, so there is no hurry: as in the other
                // Azure SDKs it then behaves as the official credential by itself.
                let probe = self.links.len() > 1;
                managed_identity::credential(settings, probe).await
            }
            Kind::AzureCli => developer_tools::azure_cli(settings),
            Kind::AzureDeveloperCli => developer_tools::azure_developer_cli(settings),
        }
    }

    /// What the error of a credential that was made means for the chain.
    fn failure(&self, kind: Kind, error: &azure_core::Error) -> Failure {
        match kind {
            Kind::ManagedIdentity => managed_identity::failure(&self.settings, error),
            Kind::Environment | Kind::WorkloadIdentity => sources::refusal(&self.settings, error),
            Kind::AzureCli | Kind::AzureDeveloperCli => developer_tools::failure(&self.settings, error),
        }
    }
}
