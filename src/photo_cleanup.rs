//! Removes photos that no review shows, and moves those of hidden reviews away from addresses that visitors know.
//!
//! A photo is announced to the store before it is stored, and claimed by its review afterwards. The announcement
//! remains if the process dies in between, and returns if the review is deleted later. It tells the clean-up which
//! photo to remove.

use std::sync::Arc;
use std::time::Duration;

use crate::error_chain::chain;
use crate::photos::{PhotoName, PhotoStore, copy_photo};
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
        withdraw_exposed(&*store, &*photos).await;
    }
}

/// Withdraws the photos of hidden reviews for which that has failed, or whose process died before it was done.
pub async fn withdraw_exposed(store: &dyn Store, photos: &dyn PhotoStore) {
    let exposed = match store.exposed_photos().await {
        Ok(exposed) => exposed,
        Err(error) => {
            tracing::warn!(%error, "cannot look up exposed photos of hidden reviews; trying again later");
            return;
        }
    };
    for (review, photo) in exposed {
        if !withdraw(store, photos, review, &photo).await {
            // The next ones would take as long to fail.
            return;
        }
    }
}

/// Removes the photos that have been unclaimed for at least this long, batch by batch, until none is left or one cannot
/// be removed.
pub async fn remove_unclaimed(store: &dyn Store, photos: &dyn PhotoStore, for_at_least: Duration) {
    loop {
        let names = match store.unclaimed_photos(for_at_least).await {
            Ok(names) if names.is_empty() => return,
            Ok(names) => names,
            Err(error) => {
                tracing::warn!(%error, "cannot look up photos without a review; trying again later");
                return;
            }
        };
        let mut all_removed = true;
        for name in names {
            all_removed &= remove(store, photos, &name).await;
        }
        if !all_removed {
            return;
        }
    }
}

/// Removes those of these photos that no review shows, for instance because theirs was deleted. A later clean-up removes
/// those for which that fails.
pub async fn remove_all_unclaimed(store: &dyn Store, photos: &dyn PhotoStore, names: &[PhotoName]) {
    for name in names {
        remove_if_unclaimed(store, photos, name).await;
    }
}

/// Removes a photo whose review was not saved. Asks the store first, because the answer to the save may have been
/// lost.
pub async fn remove_if_unclaimed(store: &dyn Store, photos: &dyn PhotoStore, photo: &PhotoName) {
    match store.is_unclaimed(photo).await {
        Ok(true) => {
            remove(store, photos, photo).await;
        }
        Ok(false) => {}
        Err(error) => tracing::warn!(%photo, %error, "cannot check whether a photo has a review; trying again later"),
    }
}

/// Gives the photo of a hidden review a new name, which nobody knows, and removes it under its old one: visitors may still
/// have that address. Returns whether it did; if not, the photo can still be loaded by its old address until a later
/// clean-up has withdrawn it.
///
/// Asking the store about each photo that is served would do too, but not for photos that browsers load directly from
/// Blob Storage.
pub async fn withdraw(store: &dyn Store, photos: &dyn PhotoStore, review: i64, photo: &PhotoName) -> bool {
    let new = PhotoName::random();
    let renamed = async {
        store.announce_photo(&new).await.map_err(|error| chain(&error))?;
        // If the photo is missing, its review gets the new name all the same: there is nothing to withdraw any more.
        copy_photo(photos, photo, &new).await.map_err(|error| chain(&error))?;
        let renamed = store.rename_hidden_photo(review, photo, &new).await;
        renamed.map_err(|error| chain(&error))
    };
    let renamed = renamed.await;
    // Whichever of the two names is not the review's.
    remove_all_unclaimed(store, photos, &[new, photo.clone()]).await;
    if let Err(cause) = &renamed {
        tracing::warn!(%photo, cause, "cannot withdraw the photo of a hidden review; trying again later");
    }
    renamed.is_ok()
}

/// Removes one photo, and returns whether it did. If that fails, a later clean-up tries again.
async fn remove(store: &dyn Store, photos: &dyn PhotoStore, photo: &PhotoName) -> bool {
    if let Err(error) = photos.delete(photo).await {
        tracing::warn!(%photo, %error, "cannot remove a photo without a review; trying again later");
        return false;
    }
    match store.forget_photo(photo).await {
        Ok(()) => {
            tracing::info!(%photo, "removed a photo without a review");
            true
        }
        Err(error) => {
            tracing::warn!(%photo, %error, "cannot forget a removed photo; trying again later");
            false
        }
    }
}
