//! Removes photos that no review shows.
//!
//! A photo is announced to the store before it is stored, and claimed by its review afterwards. The announcement
//! remains if the process dies in between, and returns if the review is deleted later. It tells the clean-up which
//! photo to remove.

use std::sync::Arc;
use std::time::Duration;

use crate::photos::{PhotoName, PhotoStore};
use crate::store::Store;

/// The pause between two clean-ups.
const INTERVAL: Duration = Duration::from_mins(10);
/// How long a photo must be unclaimed before it is removed: far longer than a request takes.
const UNCLAIMED_FOR: Duration = Duration::from_hours(1);

/// Cleans up at the start and then regularly, until the task is dropped.
pub async fn run(store: Arc<dyn Store>, photos: Arc<dyn PhotoStore>) {
    let mut tick = tokio::time::interval(INTERVAL);
    loop {
        tick.tick().await;
        remove_unclaimed(&*store, &*photos, UNCLAIMED_FOR).await;
    }
}

/// Removes the photos that have been unclaimed for at least this long.
pub async fn remove_unclaimed(store: &dyn Store, photos: &dyn PhotoStore, for_at_least: Duration) {
    match store.unclaimed_photos(for_at_least).await {
        Ok(names) => {
            for name in names {
                remove(store, photos, &name).await;
            }
        }
        Err(error) => tracing::warn!(%error, "cannot look up photos without a review; trying again later"),
    }
}

/// Removes a photo whose review was not saved. Asks the store first, because the answer to the save may have been
/// lost.
pub async fn remove_if_unclaimed(store: &dyn Store, photos: &dyn PhotoStore, photo: &PhotoName) {
    match store.is_unclaimed(photo).await {
        Ok(true) => remove(store, photos, photo).await,
        Ok(false) => {}
        Err(error) => tracing::warn!(%photo, %error, "cannot check whether a photo has a review; trying again later"),
    }
}

/// Removes one photo. If that fails, a later clean-up tries again.
async fn remove(store: &dyn Store, photos: &dyn PhotoStore, photo: &PhotoName) {
    if let Err(error) = photos.delete(photo).await {
        tracing::warn!(%photo, %error, "cannot remove a photo without a review; trying again later");
        return;
    }
    match store.forget_photo(photo).await {
        Ok(()) => tracing::info!(%photo, "removed a photo without a review"),
        Err(error) => tracing::warn!(%photo, %error, "cannot forget a removed photo; trying again later"),
    }
}
