//! Concurrent calls for the same scopes share one fetch.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use azure_core::credentials::AccessToken;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use crate::error::DefaultAzureCredentialError;

pub(crate) type Outcome = Result<AccessToken, DefaultAzureCredentialError>;
type Fetch = BoxFuture<'static, Outcome>;

/// The fetches that are under way, by their scopes.
///
/// A fetch belongs to its waiters: any of them drives it on, so one that is dropped does not hold up
/// the others, and it ends when the last one is dropped. No result outlives its waiters: keeping
/// tokens is left to the credentials.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<Vec<String>, WeakShared<Fetch>>>);

impl Flights {
    /// The fetch that is under way for `scopes`, else the one that `start` makes.
    pub fn join(&self, scopes: Vec<String>, start: impl FnOnce(Vec<String>) -> Fetch) -> Shared<Fetch> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_under_way = |flight: &WeakShared<Fetch>| flight.upgrade().is_some_and(|fetch| fetch.peek().is_none());
        flights.retain(|_, flight| is_under_way(flight));
        if let Some(fetch) = flights.get(&scopes).and_then(WeakShared::upgrade) {
            return fetch;
        }
        let fetch = start(scopes.clone()).shared();
        flights.extend(fetch.downgrade().map(|flight| (scopes, flight)));
        fetch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails() -> Fetch {
        std::future::ready(Err(DefaultAzureCredentialError::new(Vec::new()))).boxed()
    }

    fn scopes(scope: &str) -> Vec<String> {
        vec![scope.to_owned()]
    }

    #[test]
    fn a_fetch_that_is_over_is_not_joined_though_somebody_still_holds_it() {
        let flights = Flights::default();
        let first = flights.join(scopes("a"), |_| fails());
        let joined = flights.join(scopes("a"), |_| unreachable!("it is under way"));
        assert!(first.now_or_never().is_some());

        let mut started = false;
        drop(flights.join(scopes("a"), |_| {
            started = true;
            fails()
        }));
        assert!(started);
        drop(joined);
    }

    #[test]
    fn nothing_is_kept_of_a_fetch_that_is_over() {
        let flights = Flights::default();
        for scope in ["a", "b", "c"] {
            let fetch = flights.join(scopes(scope), |_| fails());
            assert_eq!(flights.0.lock().unwrap().len(), 1);
            drop(fetch);
        }
    }
}
