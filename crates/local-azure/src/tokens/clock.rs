//! Time as tokens express it.

use std::time::{SystemTime, UNIX_EPOCH};

/// The current time in seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock is set to a time after 1970").as_secs()
}
