//! What every request can use.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use opentelemetry::trace::FutureExt as _;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::cache::PageCache;
use crate::config::Config;
use crate::error::AppError;
use crate::photos::{PhotoProcessor, PhotoStore, PhotoUrls};
use crate::readiness::Readiness;
use crate::store::Store;
use crate::web::{Admission, LocalDoor, Rates, Uploads};

/// The running site: a handle that is cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of the site.
pub struct Parts {
    /// Its settings.
    pub config: Config,
    /// Restaurants and reviews.
    pub store: Arc<dyn Store>,
    /// Rendered pages, cached until their content changes.
    pub page_cache: Arc<PageCache>,
    /// Photos.
    pub photos: Arc<dyn PhotoStore>,
    /// Where browsers find the photos.
    pub photo_urls: PhotoUrls,
    /// Turns sent files into photos.
    pub photo_processor: PhotoProcessor,
    /// Whether the stores can be used.
    pub readiness: Arc<Readiness>,
    /// Receives forms, within limits for all of them together.
    pub uploads: Uploads,
    /// The limits of each client.
    pub rates: Rates,
    /// Each client's share of the site.
    pub admission: Arc<Admission>,
    /// How a developer gets to the staff pages on this machine.
    pub local_door: LocalDoor,
    /// The work of [`App::save`]. A shutdown waits for it until the grace period ends.
    pub saves: TaskTracker,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(config: Config, store: Box<dyn Store>, photos: Box<dyn PhotoStore>) -> Self {
        let store: Arc<dyn Store> = store.into();
        let photos: Arc<dyn PhotoStore> = photos.into();
        Self(Arc::new(Parts {
            page_cache: Arc::new(PageCache::new(config.page_cache_bytes)),
            photo_urls: PhotoUrls::of(&config),
            uploads: Uploads::new(&config),
            rates: Rates::new(&config.limits),
            admission: Arc::new(Admission::new(&config.limits)),
            local_door: LocalDoor::default(),
            config,
            readiness: Arc::new(Readiness::of(Arc::clone(&store), Arc::clone(&photos))),
            store,
            photos,
            photo_processor: PhotoProcessor::default(),
            saves: TaskTracker::new(),
        }))
    }

    /// Does work that continues even if its request is dropped. Its log lines and its spans are those of the request.
    pub fn save<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.saves.spawn(work.in_current_span().with_current_context())
    }

    /// Makes a change that finishes even if the visitor closes the page now: its photos and the cached pages must follow
    /// it.
    pub async fn finish<T: Send + 'static>(
        &self,
        change: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, AppError> {
        self.save(change)
            .await
            .map_err(|error| AppError::Internal(error.into()))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
