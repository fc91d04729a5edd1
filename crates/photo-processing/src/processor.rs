//! Processes photos beside other work, within limits of time and memory.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::format::supported_format;
use crate::{PhotoError, ProcessedPhoto, process};

/// How many uploads may wait or be processed; whoever comes then is asked to try again at once. No file takes more than 3 s
/// (docs/photos.md), so the last in the line has its turn within [`TURN_LIMIT`], whatever the others have sent.
const PLACES: usize = 16;
/// How long an upload waits for its turn on a slower machine before the visitor is asked to try again.
const TURN_LIMIT: Duration = Duration::from_mins(1);

/// Processes photos one after another, to save memory, and on a thread of its own: pages do not wait for it, and the
/// memory that it frees serves the next photo. (glibc keeps what a thread frees for that thread.)
#[derive(Debug, Clone)]
pub struct PhotoProcessor {
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
    jobs: mpsc::Sender<Job>,
}

/// A photo to process.
#[derive(Debug)]
struct Job {
    sent: Vec<u8>,
    processed: oneshot::Sender<Result<ProcessedPhoto, PhotoError>>,
    /// They end with the work. The request may have been dropped earlier.
    _permits: [OwnedSemaphorePermit; 2],
}

impl Default for PhotoProcessor {
    fn default() -> Self {
        let (jobs, received) = mpsc::channel();
        thread::Builder::new()
            .name("photos".to_owned())
            .spawn(move || received.into_iter().for_each(run))
            .expect("a thread can be started");
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            turn: Arc::new(Semaphore::new(1)),
            jobs,
        }
    }
}

impl PhotoProcessor {
    /// Waits for a turn and processes the photo.
    pub async fn process(&self, sent: Vec<u8>) -> Result<ProcessedPhoto, PhotoError> {
        // A file that is not an image needs no turn.
        supported_format(&sent)?;
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| PhotoError::Busy)?;
        let turn = tokio::time::timeout(TURN_LIMIT, Arc::clone(&self.turn).acquire_owned())
            .await
            .map_err(|_| PhotoError::Busy)?
            .expect("the semaphore is never closed");
        let (processed, result) = oneshot::channel();
        let job = Job {
            sent,
            processed,
            _permits: [place, turn],
        };
        self.jobs
            .send(job)
            .expect("the thread runs as long as there is a sender");
        result.await.expect("the thread answers each job")
    }
}

fn run(job: Job) {
    let result = catch_unwind(AssertUnwindSafe(|| process(&job.sent))).unwrap_or_else(|_| {
        tracing::error!("a decoder panicked");
        Err(PhotoError::Damaged)
    });
    // The request may have been dropped.
    let _ = job.processed.send(result);
}
