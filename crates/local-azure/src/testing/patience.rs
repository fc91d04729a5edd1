//! Waits for a condition in another task or program.

use std::time::{Duration, Instant};

/// Calls `look` until it returns a value, and returns that value.
///
/// The time limit of five minutes is so long that only a failed test reaches it, even on a slow machine.
///
/// # Panics
///
/// Panics if `look` returns no value in time. The message contains `what`, such as "the app is ready".
pub async fn patiently<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            started.elapsed() < Duration::from_mins(5),
            "timed out after five minutes, waiting until {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
