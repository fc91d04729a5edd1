//! The limit on how often unhealthy instances are replaced.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// The replacements so far. App Service replaces at most one instance per hour and three per day in an App Service plan;
/// here all apps together form one plan.
#[derive(Default)]
pub(super) struct Replacements(Mutex<Vec<Instant>>);

impl Replacements {
    /// Records a replacement if the limits allow one. `hour` is the minimum time between two.
    pub(super) fn try_take(&self, hour: Duration) -> bool {
        let mut taken = self.0.lock().expect("no thread panics while holding the lock");
        taken.retain(|at| at.elapsed() < hour * 24);
        let is_allowed = taken.len() < 3 && taken.iter().all(|at| at.elapsed() >= hour);
        if is_allowed {
            taken.push(Instant::now());
        }
        is_allowed
    }
}
