//! Waiting for what comes to pass elsewhere.

use std::time::{Duration, Instant};

/// What is looked for, as soon as it is there. The limit, 20 minutes, only ends a test that has failed: how fast a
/// machine is does not decide.
///
/// # Panics
///
/// It did not come to pass; `what` says it in the message.
pub async fn patiently<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            begun.elapsed() < Duration::from_mins(20),
            "in twenty minutes it did not come to pass that {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
