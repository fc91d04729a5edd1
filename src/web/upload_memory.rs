//! Limits the memory that the forms which are being received use together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is taken in units of this many bytes.
const UNIT: usize = 1 << 10;

/// The memory for all forms.
pub struct UploadMemory {
    units: Arc<Semaphore>,
    patience: Duration,
}

/// The part of the memory that a form has taken. It is free again when this is dropped.
#[derive(Debug, Default)]
pub struct Held {
    bytes: usize,
    units: Option<OwnedSemaphorePermit>,
}

impl UploadMemory {
    /// This many bytes. A form waits for some of them for at most `patience`.
    #[must_use]
    pub fn new(bytes: usize, patience: Duration) -> Self {
        Self {
            units: Arc::new(Semaphore::new(bytes / UNIT)),
            patience,
        }
    }

    /// Takes memory until `held` covers this many bytes, or returns false if it does not become free in time.
    ///
    /// Two forms may wait for memory that the other one holds, but not for ever: the one that has waited longest gives
    /// up first, and drops what it holds.
    pub async fn cover(&self, held: &mut Held, bytes: usize) -> bool {
        let units = Arc::clone(&self.units).acquire_many_owned(held.missing(bytes));
        match tokio::time::timeout(self.patience, units).await {
            Ok(units) => held.add(bytes, units.expect("the semaphore is never closed")),
            Err(_) => return false,
        }
        true
    }

    /// As [`Self::cover`], without waiting.
    pub fn cover_now(&self, held: &mut Held, bytes: usize) -> bool {
        let units = Arc::clone(&self.units).try_acquire_many_owned(held.missing(bytes));
        units.map(|units| held.add(bytes, units)).is_ok()
    }
}

impl Held {
    /// The number of units that must be added to cover this many bytes.
    fn missing(&self, bytes: usize) -> u32 {
        let units = bytes.div_ceil(UNIT).saturating_sub(self.bytes.div_ceil(UNIT));
        u32::try_from(units).expect("no form is as large as 4 TiB")
    }

    fn add(&mut self, bytes: usize, units: OwnedSemaphorePermit) {
        self.bytes = self.bytes.max(bytes);
        match &mut self.units {
            Some(held) => held.merge(units),
            None => self.units = Some(units),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(memory: &UploadMemory) -> usize {
        memory.units.available_permits()
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_taken_as_bytes_arrive_and_freed_at_the_end() {
        let memory = UploadMemory::new(10 << 10, Duration::from_secs(1));
        let mut held = Held::default();
        for (bytes, left) in [(0, 10), (1, 9), (1024, 9), (1025, 8), (1000, 8), (10 << 10, 0)] {
            assert!(memory.cover(&mut held, bytes).await);
            assert_eq!(free(&memory), left, "{bytes}");
        }
        assert!(!memory.cover_now(&mut Held::default(), 1));
        assert!(!memory.cover(&mut held, (10 << 10) + 1).await);
        drop(held);
        assert_eq!(free(&memory), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn two_forms_do_not_wait_for_each_other_for_ever() {
        let memory = UploadMemory::new(10 << 10, Duration::from_secs(1));
        // Each has a part of the memory and needs more than is left.
        let grow = async |delay: u64| {
            let mut held = Held::default();
            assert!(memory.cover(&mut held, 5 << 10).await);
            tokio::time::sleep(Duration::from_millis(delay)).await;
            memory.cover(&mut held, 8 << 10).await
        };
        let (first, second) = tokio::join!(grow(100), grow(200));
        assert_eq!(
            (first, second),
            (false, true),
            "the first gives up, and the second gets its memory"
        );
        assert_eq!(free(&memory), 10);
    }
}
