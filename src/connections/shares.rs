//! How many connections each client has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use crate::web::Client;

/// The connections of the clients, of which none may have more than its share. Others would find no place otherwise.
pub(super) struct Shares {
    most: usize,
    taken: Mutex<HashMap<Client, usize>>,
}

/// A connection of a client, counted until this is dropped.
pub(super) struct Share(Option<(Arc<Shares>, Client)>);

impl Shares {
    /// At most so many connections for each client.
    pub(super) fn of(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Mutex::default(),
        })
    }

    /// Counts another connection from this address, unless its client has its share. This machine has no limit.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Share> {
        if peer.to_canonical().is_loopback() {
            return Some(Share(None));
        }
        let client = Client::new(peer);
        let mut taken = self.taken.lock().expect("no thread panics while holding the lock");
        let count = taken.entry(client).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Share(Some((Arc::clone(self), client))))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((shares, client)) = self.0.take() else { return };
        let mut taken = shares.taken.lock().expect("no thread panics while holding the lock");
        if let Some(count) = taken.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_client_takes_more_than_its_share() {
        let shares = Shares::of(2);
        let take = |peer: &str| shares.take(peer.parse().unwrap());
        let first = take("203.0.113.7").unwrap();
        let _second = take("::ffff:203.0.113.7").unwrap();
        assert!(take("203.0.113.7").is_none());
        // Others have their own, and so has each network.
        let others: Vec<_> = ["203.0.113.8", "2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:3::1"]
            .into_iter()
            .map(|peer| take(peer).unwrap())
            .collect();
        assert!(take("2001:db8:1:2:ffff::1").is_none());
        let local: Vec<_> = (0..9).map(|_| take("127.0.0.1").unwrap()).collect();
        drop(first);
        assert!(take("203.0.113.7").is_some());
        drop((others, local));
        assert_eq!(
            shares.taken.lock().unwrap().len(),
            1,
            "clients that have left are forgotten"
        );
    }
}
