//! A token that is refreshed before it expires.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use azure_core::credentials::{TokenCredential, TokenRequestOptions};
use tokio::sync::{Notify, watch};
use tokio::time::{Duration, Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::config::Secret;
use crate::error_chain::chain;

/// How long a request waits for a token that is being fetched.
const WAIT_LIMIT: Duration = Duration::from_secs(5);
/// How long fetching a token may take: longer than the credential's own limits, for whatever they do not cover.
const FETCH_LIMIT: Duration = Duration::from_secs(30);
/// The share of a token's remaining life after which it is refreshed, in percent. Each refresh picks a random value, so
/// that many instances do not all request one at once. (`azure_identity` answers from its own cache, at no cost, until
/// the last five minutes of a token.)
const REFRESH_AFTER: std::ops::Range<u32> = 65..80;
/// The pause after the first failed refresh. It doubles with each further failure, up to the bound.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The shortest time between two refreshes because a server refused a token. Without it, a role that does not exist
/// would cause a request to the identity endpoint for every connection.
const BETWEEN_REFUSALS: Duration = Duration::from_secs(10);

/// Makes a credential: at the start, and again after a server refuses the token that the last credential caches.
pub type MakeCredential = Box<dyn Fn() -> azure_core::Result<Arc<dyn TokenCredential>> + Send + Sync>;

/// Why there is no valid token.
#[derive(Debug, Clone, thiserror::Error)]
#[error("there is no valid token: {0}")]
pub struct TokenError(String);

/// A token that a task refreshes before it expires. The task ends when this value is dropped.
///
/// While refreshes fail, the last token stays in use until it expires.
pub struct RefreshedToken {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

struct Shared {
    state: watch::Sender<State>,
    /// Wakes the task after a server refused the token.
    refused: Notify,
    /// The time of the last refusal that woke the task, in milliseconds since `start`, plus one. 0 means never.
    refused_at: AtomicU64,
    start: Instant,
}

#[derive(Clone, Default)]
struct State {
    token: Option<(Secret, Instant)>,
    /// Why the last refresh failed.
    problem: Option<String>,
    /// How many requests for a token have completed.
    fetches: u64,
    /// Whether a token is being fetched because a server refused the last one.
    is_renewing: bool,
}

impl State {
    fn valid(&self) -> Option<&Secret> {
        let (token, valid_until) = self.token.as_ref()?;
        (*valid_until > Instant::now()).then_some(token)
    }

    fn fetched(&mut self) {
        self.fetches += 1;
        self.is_renewing = false;
    }

    fn get(&self) -> Result<Secret, TokenError> {
        self.valid().cloned().ok_or_else(|| {
            let problem = self.problem.as_deref();
            TokenError(problem.unwrap_or("none arrived in time").to_owned())
        })
    }
}

impl RefreshedToken {
    /// Starts keeping a token for that scope. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(make: MakeCredential, scope: &'static str) -> Arc<Self> {
        let shared = Arc::new(Shared {
            state: watch::Sender::default(),
            refused: Notify::new(),
            refused_at: AtomicU64::new(0),
            start: Instant::now(),
        });
        let task = tokio::spawn(keep(Arc::clone(&shared), make, scope));
        Arc::new(Self {
            shared,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// A valid token. Waits a little for the first one, and fails at once if the last refresh failed and the last token
    /// has expired.
    pub async fn get(&self) -> Result<Secret, TokenError> {
        let mut state = self.shared.state.subscribe();
        let known = |state: &State| state.valid().is_some() || state.problem.is_some();
        match timeout(WAIT_LIMIT, state.wait_for(known)).await {
            Ok(Ok(state)) => state.get(),
            _ => self.shared.state.borrow().get(),
        }
    }

    /// Another token in place of one that the server refused. Concurrent callers share one request.
    pub async fn replace(&self, refused: &Secret) -> Result<Secret, TokenError> {
        let mut state = self.shared.state.subscribe();
        let fetches = {
            let current = state.borrow();
            match current.valid() {
                Some(token) if token != refused => return Ok(token.clone()),
                _ => current.fetches,
            }
        };
        let mut is_being_fetched = false;
        self.shared.state.send_modify(|state| {
            is_being_fetched = state.is_renewing || state.fetches > fetches;
            if !is_being_fetched && self.shared.may_renew() {
                state.is_renewing = true;
                is_being_fetched = true;
                self.shared.refused.notify_one();
            }
        });
        if !is_being_fetched {
            return Err(TokenError("the server refused it, and a newer one as well".into()));
        }
        match timeout(WAIT_LIMIT, state.wait_for(|state| state.fetches > fetches)).await {
            Ok(Ok(state)) => state.get(),
            _ => Err(TokenError(
                "the server refused it, and no newer one arrived in time".into(),
            )),
        }
    }

    /// Why the last refresh failed, if it did.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.shared.state.borrow().problem.clone()
    }
}

impl Shared {
    /// Whether enough time has passed since the last refresh after a refusal. If so, records a new one.
    fn may_renew(&self) -> bool {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX) + 1;
        let between = u64::try_from(BETWEEN_REFUSALS.as_millis()).expect("small");
        self.refused_at
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| {
                (last == 0 || now >= last + between).then_some(now)
            })
            .is_ok()
    }
}

/// Fetches tokens until the task is dropped.
async fn keep(shared: Arc<Shared>, make: MakeCredential, scope: &'static str) {
    let make = Arc::new(make);
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
            () = tokio::time::sleep(wait) => {}
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
    make: &Arc<MakeCredential>,
    credential: &mut Option<Arc<dyn TokenCredential>>,
    scope: &str,
) -> Result<(Secret, Duration), String> {
    if credential.is_none() {
        // It may read files.
        let make = Arc::clone(make);
        let result = tokio::task::spawn_blocking(move || make().map_err(|error| chain(&error))).await;
        *credential = Some(result.map_err(|error| chain(&error))??);
    }
    let credential = credential.as_ref().expect("made above");
    let options = Some(TokenRequestOptions::default());
    let token = credential
        .get_token(&[scope], options)
        .await
        .map_err(|error| chain(&error))?;
    let lifetime = token.expires_on - azure_core::time::OffsetDateTime::now_utc();
    match Duration::try_from(lifetime) {
        Ok(lifetime) if !lifetime.is_zero() => Ok((Secret::new(token.token.secret().to_owned()), lifetime)),
        _ => Err("the token that arrived had expired: is this machine's clock right?".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    use azure_core::credentials::AccessToken;
    use azure_core::time::OffsetDateTime;

    use super::*;

    /// An identity endpoint for tests: it returns numbered tokens, or an error while it is `away`.
    #[derive(Debug, Default)]
    struct Numbered {
        lifetime: Mutex<Duration>,
        away: Mutex<bool>,
        hangs: Mutex<bool>,
        given: AtomicUsize,
        asked: AtomicUsize,
        made: AtomicUsize,
    }

    #[async_trait::async_trait]
    impl TokenCredential for Numbered {
        async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let hangs = *self.hangs.lock().unwrap();
            if hangs {
                std::future::pending::<()>().await;
            }
            if *self.away.lock().unwrap() {
                let kind = azure_core::error::ErrorKind::Credential;
                return Err(azure_core::Error::with_message(kind, "the endpoint is unavailable"));
            }
            let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
            let expires_on = OffsetDateTime::now_utc() + *self.lifetime.lock().unwrap();
            Ok(AccessToken::new(format!("token {number}"), expires_on))
        }
    }

    fn keep(lifetime: Duration) -> (Arc<Numbered>, Arc<RefreshedToken>) {
        let numbered = Arc::new(Numbered {
            lifetime: Mutex::new(lifetime),
            ..Numbered::default()
        });
        let credential = Arc::clone(&numbered);
        let make: MakeCredential = Box::new(move || {
            credential.made.fetch_add(1, Ordering::SeqCst);
            let credential: Arc<dyn TokenCredential> = credential.clone();
            Ok(credential)
        });
        (numbered, RefreshedToken::start(make, "scope"))
    }

    fn text(token: Result<Secret, TokenError>) -> String {
        token.unwrap().expose().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_refreshed_before_it_expires() {
        let (numbered, token_source) = keep(Duration::from_secs(20));
        assert_eq!(text(token_source.get().await), "token 1");
        // For ten minutes there is always a valid token, which is refreshed about every fifteen seconds.
        for _ in 0..600 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            token_source.get().await.unwrap();
        }
        let given = numbered.given.load(Ordering::SeqCst);
        assert!((600 / 16..=600 / 12).contains(&given), "{given}");
        assert_eq!(numbered.made.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_token_is_used_while_the_endpoint_is_unavailable() {
        let (numbered, token_source) = keep(Duration::from_hours(1));
        assert_eq!(text(token_source.get().await), "token 1");
        *numbered.away.lock().unwrap() = true;
        tokio::time::sleep(Duration::from_secs(3500)).await;
        assert_eq!(text(token_source.get().await), "token 1");
        assert!(token_source.problem().unwrap().contains("the endpoint is unavailable"));
        let asked = numbered.asked.load(Ordering::SeqCst);
        assert!(asked < 60, "with pauses that grow: {asked}");

        tokio::time::sleep(Duration::from_secs(200)).await;
        let error = token_source.get().await.unwrap_err().to_string();
        assert!(error.contains("the endpoint is unavailable"), "{error}");

        *numbered.away.lock().unwrap() = false;
        tokio::time::sleep(LONGEST_PAUSE * 2).await;
        assert_eq!(text(token_source.get().await), "token 2");
        assert_eq!(token_source.problem(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_replaced_once_for_all_callers() {
        let (numbered, token_source) = keep(Duration::from_hours(1));
        let refused = token_source.get().await.unwrap();
        let (first, second) = tokio::join!(token_source.replace(&refused), token_source.replace(&refused));
        assert_eq!(
            (text(first), text(second)),
            ("token 2".to_owned(), "token 2".to_owned())
        );
        assert_eq!(text(token_source.replace(&refused).await), "token 2");
        assert_eq!(numbered.given.load(Ordering::SeqCst), 2);
        assert_eq!(
            numbered.made.load(Ordering::SeqCst),
            2,
            "bypasses the first one's cache"
        );

        // The new one is refused as well: a third one follows only after a pause.
        let newer = token_source.get().await.unwrap();
        assert!(token_source.replace(&newer).await.is_err());
        tokio::time::sleep(BETWEEN_REFUSALS).await;
        assert_eq!(text(token_source.replace(&newer).await), "token 3");
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_never_answers_is_asked_again() {
        let (numbered, token_source) = keep(Duration::from_hours(1));
        assert_eq!(text(token_source.get().await), "token 1");
        *numbered.hangs.lock().unwrap() = true;
        tokio::time::sleep(Duration::from_mins(50)).await;
        assert!(token_source.problem().unwrap().contains("within 30 seconds"));
        *numbered.hangs.lock().unwrap() = false;
        tokio::time::sleep(LONGEST_PAUSE * 2 + FETCH_LIMIT).await;
        assert_eq!(text(token_source.get().await), "token 2");
        assert_eq!(token_source.problem(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_token_is_not_returned() {
        let (_, token_source) = keep(Duration::ZERO);
        let error = token_source.get().await.unwrap_err().to_string();
        assert!(error.contains("had expired"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_debug_output_shows_the_token() {
        let (_, token_source) = keep(Duration::from_mins(1));
        let token = token_source.get().await.unwrap();
        assert!(!format!("{token:?}").contains("token 1"));
        let error = token_source.replace(&token).await.err();
        assert!(!format!("{error:?}").contains("token 1"));
    }
}
