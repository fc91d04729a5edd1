//! How often a client may post a form, send a photo, and search.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use quick_cache::sync::{Cache, EntryAction, EntryResult};

use super::Client;
use crate::config::Limits;
use crate::error::AppError;

/// How many posts, and how many photos, a client may send at once. Four clients are needed to take all places of those who
/// wait for their photos to be processed.
const POST_BURST: u32 = 10;
const UPLOAD_BURST: u32 = 4;
/// How many clients each limit remembers: beyond that, it forgets those that have not sent anything for longest. With 100
/// bytes for each, three limits use about 5 MB.
const CLIENTS: usize = 1 << 14;

/// What to tell a visitor whose form was refused.
pub const TOO_MANY_FORMS: &str = "many forms came from your network at once. Wait a minute, then send it again.";

/// The limits of each client.
pub struct Rates {
    posts: Option<Rate>,
    searches: Option<Rate>,
}

impl Rates {
    /// Applies these limits; 0 is no limit.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let searches = NonZeroU32::new(limits.searches_per_second).map(Quota::per_second);
        Self {
            posts: Rate::per_minute(limits.posts_per_minute, POST_BURST),
            searches: searches.map(Rate::new),
        }
    }

    /// Counts a form.
    pub fn count_post(&self, client: Option<Client>) -> Result<(), AppError> {
        count(self.posts.as_ref(), client).map_err(AppError::RateLimited)
    }

    /// This form, or why it could not be read, which counts as a form too.
    pub fn read<T>(&self, client: Option<Client>, form: Result<T, AppError>) -> Result<T, AppError> {
        if form.is_err() {
            self.count_post(client)?;
        }
        form
    }

    /// Counts a search.
    pub fn count_search(&self, client: Option<Client>) -> Result<(), AppError> {
        count(self.searches.as_ref(), client).map_err(AppError::RateLimited)
    }
}

/// How many photos each client may send.
pub(super) struct PhotoRate(Option<Rate>);

impl PhotoRate {
    /// Applies this limit; 0 is no limit.
    pub(super) fn new(limits: &Limits) -> Self {
        Self(Rate::per_minute(limits.uploads_per_minute, UPLOAD_BURST))
    }

    /// Counts a photo, or returns how long the client must wait.
    pub(super) fn count(&self, client: Option<Client>) -> Result<(), Duration> {
        count(self.0.as_ref(), client)
    }
}

fn count(rate: Option<&Rate>, client: Option<Client>) -> Result<(), Duration> {
    match (rate, client) {
        (Some(rate), Some(client)) => rate.count(client),
        _ => Ok(()),
    }
}

/// One limit of each client.
struct Rate<C: Clock = MonotonicClock>(RateLimiter<Client, Clients, C, NoOpMiddleware<C::Instant>>);

impl Rate {
    /// At most `count` in a minute, and `burst` of them at once; `None` for no limit.
    fn per_minute(count: u32, burst: u32) -> Option<Self> {
        let count = NonZeroU32::new(count)?;
        let burst = NonZeroU32::new(burst)?.min(count);
        Some(Self::new(Quota::per_minute(count).allow_burst(burst)))
    }

    fn new(quota: Quota) -> Self {
        Self(RateLimiter::new(quota, Clients(Cache::new(CLIENTS)), MonotonicClock))
    }
}

impl<C: Clock> Rate<C> {
    /// Counts something, or returns how long the client must wait.
    fn count(&self, client: Client) -> Result<(), Duration> {
        let clock = self.0.clock();
        let counted = self.0.check_key(&client);
        counted.map_err(|until| until.wait_time_from(clock.now()))
    }
}

/// What the limit remembers of each client. governor's own store would grow with every client.
struct Clients(Cache<Client, Nanos>);

impl StateStore for Clients {
    type Key = Client;

    fn measure_and_replace<T, F, E>(&self, client: &Client, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let known = self.0.entry(client, None, |_, state| {
            EntryAction::Retain(measure(Some(*state)).map(|(outcome, new)| {
                *state = new;
                outcome
            }))
        });
        match known {
            EntryResult::Retained(outcome) => outcome,
            EntryResult::Vacant(place) => {
                let (outcome, new) = measure(None)?;
                // Fails only if the entry was removed meanwhile, which this store does not do.
                let _ = place.insert(new);
                Ok(outcome)
            }
            EntryResult::Removed(..) | EntryResult::Replaced(..) | EntryResult::Timeout => {
                unreachable!("the entry is retained, without a time limit")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn client(number: u32) -> Client {
        Client::new(std::net::Ipv4Addr::from_bits(number).into())
    }

    fn rate(quota: Quota, clients: usize) -> (Rate<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::new(quota, Clients(Cache::new(clients)), clock.clone());
        (Rate(limiter), clock)
    }

    fn per_minute(count: u32, burst: u32) -> Quota {
        Quota::per_minute(NonZeroU32::new(count).unwrap()).allow_burst(NonZeroU32::new(burst).unwrap())
    }

    #[test]
    fn a_burst_then_the_rate_for_each_client() {
        let (rate, clock) = rate(per_minute(30, 10), 100);
        for _ in 0..10 {
            assert_eq!(rate.count(client(1)), Ok(()));
        }
        assert_eq!(rate.count(client(1)), Err(Duration::from_secs(2)));
        assert_eq!(rate.count(client(2)), Ok(()), "another client");
        clock.advance(Duration::from_millis(1900));
        assert_eq!(rate.count(client(1)), Err(Duration::from_millis(100)));
        clock.advance(Duration::from_millis(100));
        assert_eq!(rate.count(client(1)), Ok(()));
        assert!(rate.count(client(1)).is_err());
        clock.advance(Duration::from_mins(1));
        let allowed = (0..30).filter(|_| rate.count(client(1)).is_ok()).count();
        assert_eq!(allowed, 10);
    }

    #[test]
    fn the_memory_for_clients_is_bounded() {
        let (rate, _clock) = rate(per_minute(1, 1), 100);
        for number in 0..10_000 {
            assert_eq!(rate.count(client(number)), Ok(()));
        }
        assert!(rate.0.into_state_store().0.len() <= 100);
    }
}
