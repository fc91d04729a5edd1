//! Removes photos that no review shows.
//!
//! A photo is announced to the store before it is stored and claimed by its review afterwards. If
//! the process dies in between, or a review is deleted later, the announcement stays, and the photo
//! is found by it.

use std::time::Duration;

use crate::app::App;
use crate::photos::PhotoName;

/// How often to look.
const INTERVAL: Duration = Duration::from_mins(10);
/// A photo without a review for that long is nobody's: a request ends long before.
const UNCLAIMED_FOR: Duration = Duration::from_hours(1);

/// Cleans up at start and then from time to time, until the task is dropped.
pub async fn run(app: App) {
    let mut tick = tokio::time::interval(INTERVAL);
    loop {
        tick.tick().await;
        remove_unclaimed(&app, UNCLAIMED_FOR).await;
    }
}

/// Removes the photos that have been nobody's for that long.
pub async fn remove_unclaimed(app: &App, for_at_least: Duration) {
    match app.store.unclaimed_photos(for_at_least).await {
        Ok(photos) => {
            for photo in photos {
                discard(app, &photo).await;
            }
        }
        Err(error) => tracing::warn!(%error, "photos without a review could not be looked up; trying again later"),
    }
}

/// Removes one photo. Should that fail, the clean-up comes back to it.
pub async fn discard(app: &App, photo: &PhotoName) {
    if let Err(error) = app.photos.delete(photo).await {
        tracing::warn!(%photo, %error, "a photo without a review could not be removed; trying again later");
        return;
    }
    match app.store.forget_photo(photo).await {
        Ok(()) => tracing::info!(%photo, "removed a photo without a review"),
        Err(error) => tracing::warn!(%photo, %error, "a removed photo could not be forgotten; trying again later"),
    }
}

/// Removes a photo whose review was not saved. When that is not certain (the answer was lost on the
/// way), the store knows better; when it cannot be asked, the clean-up comes back to it.
pub async fn discard_if_unclaimed(app: &App, photo: &PhotoName) {
    match app.store.is_unclaimed(photo).await {
        Ok(true) => discard(app, photo).await,
        Ok(false) => {}
        Err(error) => tracing::warn!(%photo, %error, "it is not known whether this photo has a review"),
    }
}
