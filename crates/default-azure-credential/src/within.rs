//! A time limit for a future, on whatever runtime `azure_core` has been given.

use std::pin::pin;

use azure_core::sleep;
use azure_core::time::Duration;
use futures_util::future::{Either, select};

/// What `future` gives, or `None` when that takes longer than `limit`.
pub(crate) async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    match select(pin!(future), pin!(sleep(limit))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(((), _)) => None,
    }
}
