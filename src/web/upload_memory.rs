//! Limits the memory that the forms which are being received use, together and for each client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Client;

/// Memory is taken in units of this many bytes.
const UNIT: usize = 1 << 10;

/// The memory for all forms.
pub struct UploadMemory {
    all: Arc<Pool>,
    /// The units that one client may take.
    share: usize,
    /// The shares of the clients that are sending a form.
    shares: Mutex<HashMap<Client, Weak<Pool>>>,
    patience: Duration,
}

/// Units, and how many forms wait for some of them.
#[derive(Debug)]
struct Pool {
    total: usize,
    units: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// The memory that one form may take: from the share of its client, and from that of all.
pub struct Allowance {
    pools: Vec<Arc<Pool>>,
    patience: Duration,
}

/// The part of the memory that a form has taken. It is free again when this is dropped.
#[derive(Debug, Default)]
pub struct Held {
    bytes: usize,
    units: Vec<OwnedSemaphorePermit>,
    /// A share is remembered for as long as some of it is taken.
    pools: Vec<Arc<Pool>>,
}

impl UploadMemory {
    /// This many bytes, of which one client may take `share` at a time. A form waits for some of them for at most
    /// `patience`.
    #[must_use]
    pub fn new(bytes: usize, share: usize, patience: Duration) -> Self {
        Self {
            all: Arc::new(Pool::new(bytes / UNIT)),
            share: share / UNIT,
            shares: Mutex::default(),
            patience,
        }
    }

    /// What a form of this client may take. A form to which no limits apply has no client.
    #[must_use]
    pub fn allow(&self, client: Option<Client>) -> Allowance {
        let share = client.map(|client| self.share_of(client));
        Allowance {
            pools: share.into_iter().chain([Arc::clone(&self.all)]).collect(),
            patience: self.patience,
        }
    }

    /// The bytes that forms have taken.
    #[must_use]
    pub fn used(&self) -> usize {
        self.all.total.saturating_sub(self.all.units.available_permits()) * UNIT
    }

    fn share_of(&self, client: Client) -> Arc<Pool> {
        let mut shares = self.shares.lock().expect("no code panics while it holds the lock");
        if let Some(share) = shares.get(&client).and_then(Weak::upgrade) {
            return share;
        }
        // There are no more clients than connections.
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Pool::new(self.share));
        shares.insert(client, Arc::downgrade(&share));
        share
    }
}

impl Allowance {
    /// Takes memory until `held` covers this many bytes, or returns false if it does not become free in time.
    ///
    /// Two forms may wait for memory that the other one holds, but not for ever: the one that has waited longest gives
    /// up first, and drops what it holds.
    pub async fn cover(&self, held: &mut Held, bytes: usize) -> bool {
        let missing = held.missing(bytes);
        let take = async {
            let mut taken = Vec::new();
            for pool in &self.pools {
                taken.push(pool.take(missing).await);
            }
            taken
        };
        match tokio::time::timeout(self.patience, take).await {
            Ok(taken) => held.add(bytes, taken, &self.pools),
            Err(_) => return false,
        }
        true
    }

    /// As [`Self::cover`], without waiting.
    pub fn cover_now(&self, held: &mut Held, bytes: usize) -> bool {
        let missing = held.missing(bytes);
        let take = |pool: &Arc<Pool>| Arc::clone(&pool.units).try_acquire_many_owned(missing).ok();
        let taken: Option<Vec<_>> = self.pools.iter().map(take).collect();
        taken.map(|taken| held.add(bytes, taken, &self.pools)).is_some()
    }

    /// Whether another form waits for memory that this one may have taken.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.pools.iter().any(|pool| pool.waiting.load(Ordering::Relaxed) > 0)
    }
}

impl Pool {
    fn new(units: usize) -> Self {
        Self {
            total: units,
            units: Arc::new(Semaphore::new(units)),
            waiting: AtomicUsize::new(0),
        }
    }

    async fn take(&self, units: u32) -> OwnedSemaphorePermit {
        if let Ok(taken) = Arc::clone(&self.units).try_acquire_many_owned(units) {
            return taken;
        }
        let _waits = Waits::new(&self.waiting);
        let taken = Arc::clone(&self.units).acquire_many_owned(units).await;
        taken.expect("the semaphore is never closed")
    }
}

/// Counts a form that waits, until it is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Held {
    /// The number of units that must be added to cover this many bytes.
    fn missing(&self, bytes: usize) -> u32 {
        let units = bytes.div_ceil(UNIT).saturating_sub(self.bytes.div_ceil(UNIT));
        u32::try_from(units).expect("no form is as large as 4 TiB")
    }

    fn add(&mut self, bytes: usize, taken: Vec<OwnedSemaphorePermit>, pools: &[Arc<Pool>]) {
        self.bytes = self.bytes.max(bytes);
        if self.units.is_empty() {
            self.units = taken;
            pools.clone_into(&mut self.pools);
        } else {
            for (held, units) in self.units.iter_mut().zip(taken) {
                held.merge(units);
            }
        }
    }
}

#[cfg(test)]
mod tests;
