//! Whether the site can do its work. Its stores are asked at most once a second, however many want to know.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::FutureExt as _;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use crate::disk;
use crate::error_chain::chain;
use crate::photos::PhotoStore;
use crate::store::Store;

/// How long an answer is used.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a store may take to answer.
const LIMIT: Duration = Duration::from_secs(8);

/// Whether the site is ready, and each of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What strangers may know.
    #[serde(flatten)]
    pub outline: Outline,
    store: Part,
    photos: Part,
}

/// What the site can do, without the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outline {
    /// Whether it can serve pages and accept reviews: whether the store is ready.
    pub ready: bool,
    /// Whether a part of it is not as it should be: photos cannot be stored, or there is a warning.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Part {
    ready: bool,
    /// What is wrong. The log has the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
    /// What will go wrong if nothing changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

/// Asks the stores.
pub struct Readiness {
    store: Arc<dyn Store>,
    photos: Arc<dyn PhotoStore>,
    last: Mutex<Option<(Instant, Report)>>,
}

impl Readiness {
    /// Of these stores.
    #[must_use]
    pub fn of(store: Arc<dyn Store>, photos: Arc<dyn PhotoStore>) -> Self {
        Self {
            store,
            photos,
            last: Mutex::default(),
        }
    }

    /// The last report, or a new one if that is too old.
    pub async fn report(self: Arc<Self>) -> Report {
        // A separate task, which continues if the client leaves: otherwise each that comes and leaves would ask again.
        let ask = async move {
            let mut last = self.last.lock().await;
            if let Some((_, report)) = last.as_ref().filter(|(asked, _)| asked.elapsed() < PERIOD) {
                return report.clone();
            }
            let report = self.ask().await;
            *last = Some((Instant::now(), report.clone()));
            report
        };
        // What it logs has the path and the id of the request.
        let report = tokio::spawn(ask.in_current_span().with_current_context());
        report.await.expect("asking does not panic, and is not cancelled")
    }

    async fn ask(&self) -> Report {
        let (store, photos, photo_warning) = tokio::join!(
            timeout(LIMIT, self.store.ready()),
            timeout(LIMIT, self.photos.ready()),
            timeout(LIMIT, self.photos.warning()),
        );
        let store = store.map_or_else(|late| Err(late.into()), |store| store.map_err(Box::from));
        let photos = photos.map_or_else(|late| Err(late.into()), |photos| photos.map_err(Box::from));
        let store = part(
            store,
            "the store cannot be reached or is not migrated",
            self.store.warning(),
        );
        let photos = part(photos, "photos cannot be stored", photo_warning.ok().flatten());
        Report {
            outline: Outline {
                ready: store.ready,
                degraded: [&store, &photos]
                    .iter()
                    .any(|part| !part.ready || part.warning.is_some()),
            },
            store,
            photos,
        }
    }
}

fn part(
    result: Result<(), Box<dyn Error + Send + Sync>>,
    problem: &'static str,
    warning: Option<&'static str>,
) -> Part {
    let problem = result.err().map(|error| {
        let problem = if disk::is_full(&*error) {
            "the disk is full"
        } else {
            problem
        };
        tracing::warn!(cause = chain(&*error), "readiness check: {problem}");
        problem
    });
    Part {
        ready: problem.is_none(),
        problem,
        warning,
    }
}
