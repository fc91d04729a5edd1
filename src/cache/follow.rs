//! Follows the changes of the store and evicts the pages that show them.

use std::sync::Arc;
use std::time::Duration;

use super::PageCache;
use crate::error_chain::chain;
use crate::store::{Change, Changes, Store, StoreError};

/// The pause after the first failure to follow the changes. It doubles with each further failure, up to the bound.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Keeps the pages up to date until the task is dropped. While changes cannot be followed, no page is cached.
pub async fn follow(store: Arc<dyn Store>, cache: Arc<PageCache>) {
    if cache.capacity == 0 {
        return;
    }
    let mut pause = FIRST_PAUSE;
    loop {
        let result = match store.changes().await {
            Ok(Some(changes)) => apply(changes, &cache, &mut pause).await,
            Ok(None) => return, // This store cannot report its changes.
            Err(error) => Err(error),
        };
        cache.stop();
        if let Err(error) = result {
            if pause == FIRST_PAUSE {
                let cause = chain(&error);
                tracing::warn!(
                    cause,
                    "the store's changes cannot be followed; until they can, every page is read from the store"
                );
            }
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Applies the changes until they end or fail.
async fn apply(mut changes: Box<dyn Changes>, cache: &PageCache, pause: &mut Duration) -> Result<(), StoreError> {
    cache.restart();
    tracing::debug!("changes are followed; pages are cached");
    while let Some(change) = changes.next().await? {
        match change {
            Change::Restaurant(id) => cache.restaurant_changed(id),
            Change::Everything => cache.restart(),
            Change::HeardUntil(moment) => {
                cache.heard_until(moment);
                *pause = FIRST_PAUSE;
            }
        }
    }
    Ok(())
}
