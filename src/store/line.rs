//! The line of requests that wait for the database.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::StoreError;

/// How many requests may wait while others are served: enough for a burst of visitors who come at the same moment. A
/// longer line would not serve more of them, but make each wait for everyone before it.
const WAITING: usize = 30;

/// A line with a bounded length. A request that finds it full is refused at once, instead of after a long wait.
pub(super) struct Line(Semaphore);

impl Line {
    /// The line before this many connections.
    pub(super) fn before(connections: usize) -> Self {
        Self(Semaphore::new(connections + WAITING))
    }

    /// A place in the line, kept until the request is served.
    pub(super) fn join(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.0.try_acquire().map_err(|_| StoreError::Busy)
    }
}
