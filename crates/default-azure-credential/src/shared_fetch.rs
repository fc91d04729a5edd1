//! Concurrent calls for the same scopes share one fetch.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use crate::error::TokenResult;

type Fetch = BoxFuture<'static, TokenResult>;

/// The fetches in progress, by their scopes.
///
/// A fetch belongs to the callers that wait for it. Each of them can drive it, so a dropped caller does
/// not delay the others. The fetch is cancelled when the last caller is dropped. Results are not kept;
/// the official credentials cache tokens.
#[derive(Default)]
pub(crate) struct SharedFetches(Mutex<HashMap<Vec<String>, WeakShared<Fetch>>>);

impl SharedFetches {
    /// Returns the fetch in progress for `scopes`, or starts one with `start`.
    pub fn join_or_start(&self, scopes: Vec<String>, start: impl FnOnce(Vec<String>) -> Fetch) -> Shared<Fetch> {
        let mut fetches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let in_progress = |fetch: &WeakShared<Fetch>| fetch.upgrade().is_some_and(|fetch| fetch.peek().is_none());
        fetches.retain(|_, fetch| in_progress(fetch));
        if let Some(fetch) = fetches.get(&scopes).and_then(WeakShared::upgrade) {
            return fetch;
        }
        let fetch = start(scopes.clone()).shared();
        fetches.extend(fetch.downgrade().map(|weak| (scopes, weak)));
        fetch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::DefaultAzureCredentialError;

    fn failing_fetch() -> Fetch {
        std::future::ready(Err(DefaultAzureCredentialError::new(Vec::new()))).boxed()
    }

    fn scopes(scope: &str) -> Vec<String> {
        vec![scope.to_owned()]
    }

    #[test]
    fn a_finished_fetch_is_not_joined_even_if_a_caller_still_holds_it() {
        let fetches = SharedFetches::default();
        let first = fetches.join_or_start(scopes("a"), |_| failing_fetch());
        let joined = fetches.join_or_start(scopes("a"), |_| unreachable!("a fetch is in progress"));
        assert!(first.now_or_never().is_some());

        let mut started = false;
        drop(fetches.join_or_start(scopes("a"), |_| {
            started = true;
            failing_fetch()
        }));
        assert!(started);
        drop(joined);
    }

    #[test]
    fn finished_fetches_are_removed() {
        let fetches = SharedFetches::default();
        for scope in ["a", "b", "c"] {
            let fetch = fetches.join_or_start(scopes(scope), |_| failing_fetch());
            assert_eq!(fetches.0.lock().unwrap().len(), 1);
            drop(fetch);
        }
    }
}
