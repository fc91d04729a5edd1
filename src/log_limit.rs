//! Bounds how many log lines of a kind there are: a client that causes them could hide others among them.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At most so many lines of a kind in a second. The others are counted, and the number is logged.
pub struct LogLimit {
    most: u32,
    what: &'static str,
    second: Mutex<Option<Second>>,
}

struct Second {
    began: Instant,
    logged: u32,
    skipped: u64,
}

impl LogLimit {
    /// At most so many lines about this in a second.
    #[must_use]
    pub const fn new(most: u32, what: &'static str) -> Self {
        Self {
            most,
            what,
            second: Mutex::new(None),
        }
    }

    /// Whether another line may be logged now.
    pub fn admits(&self) -> bool {
        let (is_admitted, skipped) = self.count(Instant::now());
        if skipped > 0 {
            tracing::warn!(skipped, "{} were too many to log each of them", self.what);
        }
        is_admitted
    }

    /// Whether another line may be logged at this moment, and how many were skipped in the second that ends with it.
    fn count(&self, now: Instant) -> (bool, u64) {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        let mut skipped = 0;
        let current = match &mut *second {
            Some(second) if now.duration_since(second.began) < Duration::from_secs(1) => second,
            ended => {
                skipped = ended.as_ref().map_or(0, |second| second.skipped);
                ended.insert(Second {
                    began: now,
                    logged: 0,
                    skipped: 0,
                })
            }
        };
        let is_admitted = current.logged < self.most;
        if is_admitted {
            current.logged += 1;
        } else {
            current.skipped += 1;
        }
        (is_admitted, skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exceeds_the_limit_is_counted_and_said_in_the_next_second() {
        let limit = LogLimit::new(2, "lines");
        let start = Instant::now();
        let at = |millis| limit.count(start + Duration::from_millis(millis));
        assert_eq!(
            [at(0), at(1), at(2), at(999)],
            [(true, 0), (true, 0), (false, 0), (false, 0)]
        );
        assert_eq!([at(1000), at(1001), at(1002)], [(true, 2), (true, 0), (false, 0)]);
        assert_eq!(at(9000), (true, 1));
        assert_eq!(at(20_000), (true, 0));
    }
}
