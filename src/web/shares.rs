//! What each client may take of something that all clients share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Client;

/// How many clients are remembered before those who have nothing any more are looked for.
const REMEMBERED: usize = 64;

/// Gives each client its share of something, so that others find some of it, too.
pub struct Shares {
    share: usize,
    clients: Mutex<Clients>,
}

struct Clients {
    /// The shares of the clients that have taken something or wait for it.
    shares: HashMap<Client, Weak<Semaphore>>,
    /// At this number, those without anything are forgotten.
    full: usize,
}

/// One of the things that a client may take, until it is dropped.
pub type Taken = OwnedSemaphorePermit;

impl Shares {
    /// Each client may have so many at the same time.
    #[must_use]
    pub fn of(share: usize) -> Self {
        Self {
            share,
            clients: Mutex::new(Clients {
                shares: HashMap::new(),
                full: REMEMBERED,
            }),
        }
    }

    /// Takes one for this client, unless it has its share.
    pub fn take(&self, client: Client) -> Option<Taken> {
        self.share_of(client).try_acquire_owned().ok()
    }

    /// Takes one for this client, and waits for so long if it has its share.
    pub async fn take_within(&self, patience: Duration, client: Client) -> Option<Taken> {
        let taken = timeout(patience, self.share_of(client).acquire_owned()).await;
        taken.ok().map(|taken| taken.expect("the semaphore is never closed"))
    }

    fn share_of(&self, client: Client) -> Arc<Semaphore> {
        let mut clients = self.clients.lock().expect("no code panics while it holds the lock");
        if let Some(share) = clients.shares.get(&client).and_then(Weak::upgrade) {
            return share;
        }
        if clients.shares.len() >= clients.full {
            clients.shares.retain(|_, share| share.strong_count() > 0);
            clients.full = REMEMBERED.max(2 * clients.shares.len());
        }
        let share = Arc::new(Semaphore::new(self.share));
        clients.shares.insert(client, Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        Client::new(address.parse().unwrap())
    }

    #[test]
    fn no_client_takes_more_than_its_share() {
        let shares = Shares::of(2);
        let take = |address: &str| shares.take(client(address));
        let first = take("203.0.113.7").unwrap();
        let _second = take("::ffff:203.0.113.7").unwrap();
        assert!(take("203.0.113.7").is_none());
        // Others have their own, and so has each network.
        let _others: Vec<_> = ["203.0.113.8", "2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:3::1"]
            .into_iter()
            .map(|address| take(address).unwrap())
            .collect();
        assert!(take("2001:db8:1:2:ffff::1").is_none());
        drop(first);
        assert!(take("203.0.113.7").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_waits_for_its_own() {
        let shares = Shares::of(1);
        let patience = Duration::from_secs(5);
        let taken = shares.take(client("203.0.113.7")).unwrap();
        assert!(shares.take_within(patience, client("203.0.113.7")).await.is_none());
        assert!(shares.take_within(patience, client("203.0.113.8")).await.is_some());
        let waiting = shares.take_within(patience, client("203.0.113.7"));
        let (waited, ()) = tokio::join!(waiting, async { drop(taken) });
        assert!(waited.is_some());
    }

    #[test]
    fn clients_that_have_left_are_forgotten() {
        let shares = Shares::of(1);
        let stays = shares.take(client("203.0.113.7")).unwrap();
        for number in 0..10_000 {
            let address = std::net::Ipv4Addr::from_bits(number).to_string();
            drop(shares.take(client(&address)).unwrap());
        }
        assert!(shares.clients.lock().unwrap().shares.len() <= REMEMBERED + 1);
        assert!(
            shares.take(client("203.0.113.7")).is_none(),
            "whoever stays is remembered"
        );
        drop(stays);
    }
}
