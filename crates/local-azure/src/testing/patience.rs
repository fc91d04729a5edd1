//! Waiting for a condition in another task or program.

use std::time::{Duration, Instant};

/// Returns what `look` finds as soon as it finds something.
///
/// The limit of five minutes only ends a test that has failed: the speed of the machine does not decide.
///
/// # Panics
///
/// Panics when nothing is found in time; the message contains `what`, such as "the app is ready".
pub async fn patiently<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            begun.elapsed() < Duration::from_mins(5),
            "timed out after five minutes, waiting until {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
