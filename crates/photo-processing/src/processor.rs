//! Processes photos beside other work, within limits of time and memory.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::format::supported_format;
use crate::{PhotoError, ProcessedPhoto, decode, finish};

/// How long an upload waits for its turn before the visitor is asked to try again.
const TURN_LIMIT: Duration = Duration::from_secs(20);

/// Processes photos outside the async threads, so that uploads do not block pages: as many at once as there are
/// processors, but only one of them is decoded at a time, to save memory.
#[derive(Debug, Clone)]
pub struct PhotoProcessor {
    turns: Arc<Semaphore>,
    alone: Arc<Mutex<()>>,
}

impl Default for PhotoProcessor {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new(processors)),
            alone: Arc::default(),
        }
    }
}

impl PhotoProcessor {
    /// Waits for a turn and processes the photo.
    pub async fn process(&self, sent: Vec<u8>) -> Result<ProcessedPhoto, PhotoError> {
        // A file that is not an image needs no turn.
        supported_format(&sent)?;
        let turn = tokio::time::timeout(TURN_LIMIT, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| PhotoError::Busy)?
            .expect("the semaphore is never closed");
        let alone = Arc::clone(&self.alone);
        let task = tokio::task::spawn_blocking(move || {
            // The turn ends with the work. The request may have been dropped earlier.
            let _turn = turn;
            let decoded = {
                // The lock is poisoned if a decoder panicked. It guards no data.
                let _alone = alone.lock().unwrap_or_else(PoisonError::into_inner);
                decode(&sent)?
            };
            drop(sent);
            Ok(finish(decoded))
        });
        task.await.unwrap_or_else(|panic| {
            tracing::error!(%panic, "a decoder panicked");
            Err(PhotoError::Damaged)
        })
    }
}
