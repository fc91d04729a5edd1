//! How fast a client takes what is sent to it.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Pace;

/// What a client has taken in the current window of its [`Pace`]. A window consists of the time in which the site waits
/// for the client, because nothing more fits into what the system buffers for it.
pub(super) struct Taking {
    pace: Pace,
    /// Since when the site waits now.
    blocked: Option<Instant>,
    /// How long it has waited before.
    waited: Duration,
    bytes: usize,
}

impl Taking {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            blocked: None,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// The client has taken this many bytes.
    pub(super) fn took(&mut self, bytes: usize) {
        self.waited += self.blocked.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The client can take nothing now.
    pub(super) fn blocks(&mut self) {
        self.blocked.get_or_insert_with(Instant::now);
    }

    /// Starts a window.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.pace);
    }

    /// When the client is too slow unless it takes something before; `None` while the site does not wait for it.
    pub(super) fn deadline(&mut self) -> Option<Instant> {
        let since = self.blocked?;
        let left = self.pace.window.saturating_sub(self.waited);
        if since.elapsed() >= left && self.bytes >= self.pace.bytes {
            // The next window starts where the site began to wait: the client has taken nothing since then.
            self.restart();
            self.blocked = Some(since);
            return Some(since + self.pace.window);
        }
        Some(since + left)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::time::sleep;

    use super::*;

    const PACE: Pace = Pace {
        window: Duration::from_secs(30),
        bytes: 1000,
    };

    /// A client that takes this many bytes after each of these waits, in milliseconds. Returns how many bytes it gets.
    async fn serve(steps: &[(u64, usize)], pause: Duration) -> usize {
        let mut taking = Taking::new(PACE);
        let mut total = 0;
        for (wait, bytes) in steps {
            taking.blocks();
            let next = Instant::now() + Duration::from_millis(*wait);
            loop {
                let deadline = taking.deadline().unwrap();
                if deadline <= Instant::now() {
                    return total;
                }
                if next <= deadline {
                    break;
                }
                tokio::time::sleep_until(deadline).await;
            }
            tokio::time::sleep_until(next).await;
            taking.took(*bytes);
            total += bytes;
            // The site is not ready to send more.
            sleep(pause).await;
        }
        total
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_too_little_is_cut() {
        for (steps, wanted) in [
            (vec![(29_000, 1); 20], 1),
            (vec![(29_000, 999); 20], 999),
            (vec![(29_000, 1000); 20], 20_000),
            (vec![(31_000, 1_000_000)], 0),
            (vec![(0, 1_000_000), (31_000, 1)], 1_000_000),
            (vec![(1000, 30); 100], 900),
            (vec![(1000, 35); 100], 3500),
            (vec![(0, 1_000_000), (29_000, 0), (29_000, 1)], 1_000_001),
            (vec![(0, 1_000_000), (29_000, 0), (29_000, 1), (29_000, 1)], 1_000_001),
        ] {
            assert_eq!(serve(&steps, Duration::ZERO).await, wanted, "{steps:?}");
            // Only the time that the client needs counts.
            assert_eq!(serve(&steps, Duration::from_mins(5)).await, wanted, "{steps:?}");
        }
    }

    proptest! {
        #[test]
        fn a_client_is_served_at_its_pace_and_cut_below(
            steps in proptest::collection::vec((1_u64..15_000, 50_u64..150), 10..60),
            percent in prop_oneof![1_u64..30, 500_u64..10_000],
        ) {
            // As many bytes as the wait before them allows at these percents of the pace.
            let bytes = |(wait, share): &(u64, u64)| usize::try_from(wait * percent * share / 300_000 + 1).unwrap();
            let steps: Vec<(u64, usize)> = steps.iter().map(|step| (step.0, bytes(step))).collect();
            let all: usize = steps.iter().map(|(_, bytes)| bytes).sum();
            let waits: u64 = steps.iter().map(|(wait, _)| wait).sum();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let got = runtime.block_on(serve(&steps, Duration::ZERO));
            if percent > 100 {
                prop_assert_eq!(got, all);
            } else if waits > 30_000 {
                prop_assert!(got < all);
            }
        }
    }
}
