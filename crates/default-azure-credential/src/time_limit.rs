//! A time limit for a future, on the runtime that `azure_core` uses.

use std::pin::pin;

use azure_core::sleep;
use azure_core::time::Duration;
use futures_util::future::{Either, select};

/// Awaits `future`. Returns `None` if it takes longer than `limit`.
pub(crate) async fn with_time_limit<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    match select(pin!(future), pin!(sleep(limit))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(((), _)) => None,
    }
}
