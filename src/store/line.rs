//! The line of requests that wait for the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::sleep;

use super::StoreError;

/// How many requests may wait while others are served: enough for visitors who come at the same moment. A longer line
/// would not serve more of them, but make each wait for everyone before it.
const WAITING: usize = 15;
/// How often refusals are logged.
const LOGGED_EVERY: Duration = Duration::from_secs(1);

/// A line with a bounded length. A request that finds it full is refused at once, instead of after a long wait.
pub(super) struct Line {
    places: Semaphore,
    /// What its requests want to do, for the log.
    to: &'static str,
    /// How many were refused since the log last said so.
    refused: Arc<AtomicU64>,
}

impl Line {
    /// The line before this many connections, of requests that want `to` do something.
    pub(super) fn before(connections: usize, to: &'static str) -> Self {
        Self {
            places: Semaphore::new(connections + WAITING),
            to,
            refused: Arc::default(),
        }
    }

    /// A place in the line, kept until the request is served.
    pub(super) fn join(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.places.try_acquire().map_err(|_| {
            self.count_refusal();
            StoreError::Busy
        })
    }

    /// Has the number of refusals logged soon. A log line for each would take the time that the site lacks then.
    fn count_refusal(&self) {
        if self.refused.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        let (refused, to) = (Arc::clone(&self.refused), self.to);
        tokio::spawn(async move {
            sleep(LOGGED_EVERY).await;
            let refused = refused.swap(0, Ordering::Relaxed);
            tracing::warn!(
                refused,
                "requests were refused, because {WAITING} others waited to {to} the database"
            );
        });
    }
}
