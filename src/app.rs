//! What every request can use.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::cache::PageCache;
use crate::config::Config;
use crate::photos::{PhotoStore, PhotoUrls, Photographer};
use crate::store::Store;

/// How many forms with photos are read at the same time: at most that many times `MAX_UPLOAD_BYTES` of
/// memory.
const UPLOADS: usize = 16;
/// How long one waits for its turn.
const UPLOAD_PATIENCE: Duration = Duration::from_secs(20);

/// The running site: a handle that is cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of the site.
pub struct Parts {
    /// How it is set up.
    pub config: Config,
    /// Restaurants and reviews.
    pub store: Box<dyn Store>,
    /// Pages that are kept until what they show changes.
    pub pages: PageCache,
    /// Photos.
    pub photos: Box<dyn PhotoStore>,
    /// Where browsers find the photos.
    pub photo_urls: PhotoUrls,
    /// Turns what is sent into photos.
    pub photographer: Photographer,
    /// Turns for forms with photos, which are held in memory until they are processed.
    uploads: Arc<Semaphore>,
    /// Changes under way. One that has begun ends even if its request is given up, and before the
    /// process stops.
    pub changes: TaskTracker,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(config: Config, store: Box<dyn Store>, photos: Box<dyn PhotoStore>) -> Self {
        Self(Arc::new(Parts {
            photo_urls: PhotoUrls::of(&config),
            pages: PageCache::new(config.page_cache_bytes),
            config,
            store,
            photos,
            photographer: Photographer::default(),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            changes: TaskTracker::new(),
        }))
    }

    /// A turn for reading a form with a photo; `None` when there was none for a while.
    pub async fn upload_turn(&self) -> Option<OwnedSemaphorePermit> {
        tokio::time::timeout(UPLOAD_PATIENCE, Arc::clone(&self.uploads).acquire_owned())
            .await
            .ok()?
            .ok()
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
