//! Keeps every restaurant searchable: those that plain SQL or another version of the site wrote, too.

use std::sync::Arc;
use std::time::Duration;

use crate::error_chain::chain;
use crate::store::{Store, StoreError};

/// The pause before it looks for such restaurants again.
const INTERVAL: Duration = Duration::from_secs(10);

/// Folds their texts at the start and then regularly, until the task is dropped.
pub async fn run(store: Arc<dyn Store>) {
    let mut tick = tokio::time::interval(INTERVAL);
    let mut reported = false;
    loop {
        tick.tick().await;
        let result = fold_all(&*store).await;
        if let Err(error) = &result
            && !reported
        {
            let cause = chain(error);
            tracing::warn!(
                cause,
                "cannot prepare the texts of new restaurants for the search; trying again"
            );
        }
        reported = result.is_err();
    }
}

async fn fold_all(store: &dyn Store) -> Result<(), StoreError> {
    let mut folded = 0;
    loop {
        match store.fold_some().await? {
            0 => break,
            count => folded += count,
        }
    }
    if folded > 0 {
        tracing::info!(folded, "prepared the texts of restaurants for the search");
    }
    Ok(())
}
