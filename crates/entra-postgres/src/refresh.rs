//! The task that fetches tokens.

use std::sync::Arc;

use azure_core::credentials::{Secret, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use tokio::sync::{Notify, watch};
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::error::{NoToken, with_causes};

/// How long fetching a token may take: longer than the credential's own limits, for whatever they do not cover.
const FETCH_LIMIT: Duration = Duration::from_secs(30);
/// The share of a token's remaining life after which it is refreshed, in percent. Each refresh picks a random value, so
/// that many instances do not all request one at once. (`azure_identity` answers from its own cache, at no cost, until
/// the last five minutes of a token.)
const REFRESH_AFTER: std::ops::Range<u32> = 65..80;
/// The pause after the first failed refresh. It doubles with each further failure, up to the bound.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The shortest time between two refreshes because a server refused a token.
pub(crate) const BETWEEN_REFUSALS: Duration = Duration::from_secs(10);

/// Makes a credential. It may read files: it is called on a thread that may wait.
pub(crate) type MakeCredential = Arc<dyn Fn() -> azure_core::Result<Arc<dyn TokenCredential>> + Send + Sync>;

/// What the task and the callers share.
pub(crate) struct Shared {
    pub(crate) state: watch::Sender<State>,
    /// Wakes the task after a server refused the token.
    refused: Notify,
}

#[derive(Clone, Default)]
pub(crate) struct State {
    token: Option<(Secret, Instant)>,
    /// Why the last refresh failed.
    pub(crate) problem: Option<String>,
    /// How many requests for a token have completed.
    pub(crate) fetches: u64,
    /// Whether a token is being fetched because a server refused the last one.
    is_renewing: bool,
    /// When a refusal last woke the task.
    renewed: Option<Instant>,
}

impl State {
    pub(crate) fn valid(&self) -> Option<&Secret> {
        let (token, valid_until) = self.token.as_ref()?;
        (*valid_until > Instant::now()).then_some(token)
    }

    pub(crate) fn get(&self) -> Result<Secret, NoToken> {
        self.valid().cloned().ok_or_else(|| {
            let problem = self.problem.as_deref();
            NoToken(problem.unwrap_or("none arrived in time").to_owned())
        })
    }

    fn fetched(&mut self) {
        self.fetches += 1;
        self.is_renewing = false;
    }
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            state: watch::Sender::default(),
            refused: Notify::new(),
        }
    }

    /// Has another token fetched, unless a refusal has just done so. Returns whether one newer than these fetches has
    /// arrived or will.
    pub(crate) fn renew(&self, fetches: u64) -> bool {
        let mut is_fetched = false;
        self.state.send_modify(|state| {
            is_fetched = state.is_renewing || state.fetches > fetches;
            let may_fetch = state.renewed.is_none_or(|at| at.elapsed() >= BETWEEN_REFUSALS);
            if !is_fetched && may_fetch {
                state.renewed = Some(Instant::now());
                state.is_renewing = true;
                is_fetched = true;
                self.refused.notify_one();
            }
        });
        is_fetched
    }
}

/// Fetches tokens until the task is dropped.
pub(crate) async fn keep(shared: Arc<Shared>, make: MakeCredential, scope: &'static str) {
    let mut credential = None;
    let mut pause = FIRST_PAUSE;
    loop {
        let fetched = timeout(FETCH_LIMIT, fetch(&make, &mut credential, scope)).await;
        let fetched = fetched.unwrap_or_else(|_| {
            // It may be stuck.
            credential = None;
            Err(format!("none arrived within {} seconds", FETCH_LIMIT.as_secs()))
        });
        let wait = match fetched {
            Ok((token, lifetime)) => {
                pause = FIRST_PAUSE;
                shared.state.send_modify(|state| {
                    if state.problem.take().is_some() {
                        tracing::info!(scope, "tokens are available again");
                    }
                    state.token = Some((token, Instant::now() + lifetime));
                    state.fetched();
                });
                (lifetime * fastrand::u32(REFRESH_AFTER) / 100).max(FIRST_PAUSE)
            }
            Err(problem) => {
                shared.state.send_modify(|state| {
                    let left = state
                        .token
                        .as_ref()
                        .map(|(_, until)| until.duration_since(Instant::now()));
                    tracing::warn!(
                        scope,
                        cause = problem,
                        last_token_valid_seconds = left.map_or(0, |left| left.as_secs()),
                        "no token could be fetched; trying again"
                    );
                    state.problem = Some(problem);
                    state.fetched();
                });
                let wait = pause.mul_f64(0.5 + fastrand::f64());
                pause = (pause * 2).min(LONGEST_PAUSE);
                wait
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = shared.refused.notified() => {
                tracing::warn!(scope, "the server refused the token; fetching another");
                // The credential would return the same token from its cache.
                credential = None;
                pause = FIRST_PAUSE;
            }
        }
    }
}

/// Fetches a token and returns it with the time for which it is valid.
async fn fetch(
    make: &MakeCredential,
    credential: &mut Option<Arc<dyn TokenCredential>>,
    scope: &str,
) -> Result<(Secret, Duration), String> {
    if credential.is_none() {
        let make = Arc::clone(make);
        let result = tokio::task::spawn_blocking(move || make().map_err(|error| with_causes(&error))).await;
        *credential = Some(result.map_err(|error| with_causes(&error))??);
    }
    let credential = credential.as_ref().expect("made above");
    let token = credential
        .get_token(&[scope], Some(TokenRequestOptions::default()))
        .await;
    let token = token.map_err(|error| with_causes(&error))?;
    match Duration::try_from(token.expires_on - OffsetDateTime::now_utc()) {
        Ok(lifetime) if !lifetime.is_zero() => Ok((token.token, lifetime)),
        _ => Err("the token that arrived had expired: is this machine's clock right?".into()),
    }
}
