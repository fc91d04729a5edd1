//! The password that changes.

use std::sync::Arc;

use azure_core::credentials::{Secret, TokenCredential};
use tokio::sync::watch;
use tokio::time::{Duration, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::error::{NoToken, OpenError};
use crate::refresh::{self, Shared, State};

/// How long a caller waits for a token that is being fetched.
const WAIT_LIMIT: Duration = Duration::from_secs(5);

/// The password of a role that signs in with Entra: a token. A task refreshes it before it expires.
///
/// While refreshes fail, the last token stays in use until it expires. The task ends when this value is dropped.
pub struct EntraPassword {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

impl EntraPassword {
    /// Starts fetching tokens for [`SCOPE`](crate::SCOPE), or for another one, such as that of a sovereign cloud. `make`
    /// makes the credential, and makes it again after the server has refused a token: the first one would return the same
    /// token from its cache.
    ///
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn start(
        make: impl Fn() -> azure_core::Result<Arc<dyn TokenCredential>> + Send + Sync + 'static,
        scope: &'static str,
    ) -> Arc<Self> {
        let shared = Arc::new(Shared::new());
        let task = tokio::spawn(refresh::keep(Arc::clone(&shared), Arc::new(make), scope));
        Arc::new(Self {
            shared,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// A valid token. Waits up to five seconds for the first one, and fails at once if the last refresh failed and the
    /// last token has expired.
    pub async fn get(&self) -> Result<Secret, NoToken> {
        let mut state = self.shared.state.subscribe();
        let known = |state: &State| state.valid().is_some() || state.problem.is_some();
        match timeout(WAIT_LIMIT, state.wait_for(known)).await {
            Ok(Ok(state)) => state.get(),
            _ => self.shared.state.borrow().get(),
        }
    }

    /// Another token in place of one that the server refused, as it does after a change of roles or of the identity.
    /// Concurrent callers share one request, and there is at most one in ten seconds: a role that does not exist must
    /// not cause a request for every connection.
    pub async fn replace(&self, refused: &Secret) -> Result<Secret, NoToken> {
        let mut state = self.shared.state.subscribe();
        let fetches = {
            let current = state.borrow();
            match current.valid() {
                Some(token) if token != refused => return Ok(token.clone()),
                _ => current.fetches,
            }
        };
        if !self.shared.renew(fetches) {
            return Err(NoToken("the server refused it, and a newer one as well".into()));
        }
        match timeout(WAIT_LIMIT, state.wait_for(|state| state.fetches > fetches)).await {
            Ok(Ok(state)) => state.get(),
            _ => Err(NoToken(
                "the server refused it, and no newer one arrived in time".into(),
            )),
        }
    }

    /// Opens a connection with the current token, and once more with a newer one if the server refuses the first.
    /// `is_refused` tells whether an error is such a refusal; see [`is_refusal`](crate::is_refusal).
    pub async fn open<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        open: impl Fn(Secret) -> F,
        is_refused: impl Fn(&E) -> bool,
    ) -> Result<T, OpenError<E>> {
        let token = self.get().await?;
        match open(token.clone()).await {
            Err(error) if is_refused(&error) => {
                let token = self.replace(&token).await?;
                open(token).await.map_err(OpenError::Driver)
            }
            result => result.map_err(OpenError::Driver),
        }
    }

    /// The tokens as they arrive, for a pool that takes a password for all connections it will open.
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        Tokens {
            state: self.shared.state.subscribe(),
            seen: None,
        }
    }

    /// Why the last refresh failed, if it did.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.shared.state.borrow().problem.clone()
    }
}

/// The tokens of an [`EntraPassword`] as they arrive.
pub struct Tokens {
    state: watch::Receiver<State>,
    seen: Option<Secret>,
}

impl Tokens {
    /// The next token: the current one first, then each that replaces it. `None` once the password is dropped.
    pub async fn next(&mut self) -> Option<Secret> {
        let seen = self.seen.take();
        let is_new = |state: &State| state.valid().is_some_and(|token| Some(token) != seen.as_ref());
        let token = self.state.wait_for(is_new).await.ok()?.valid().cloned()?;
        self.seen = Some(token.clone());
        Some(token)
    }
}
