//! Any file is decoded as a photo or refused, within bounds of memory and processor time.
//!
//! A picture here has at most a thousandth of the pixels that a site takes (`cfg!(fuzzing)` in the crate's limits.rs), so
//! that thousands are tried each second. The bounds are tighter than the site's accordingly; what is left of them is for
//! what does not depend on the number of pixels, such as a colour profile.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// In bytes.
const MOST_MEMORY: usize = 80 << 20;
const MOST_TIME: Duration = Duration::from_millis(500);

fuzz_target!(|file: &[u8]| {
    MEMORY.reset_peak_usage();
    let (before, start) = (MEMORY.current_usage(), time());
    let _ = photo_processing::decoded(file);
    let (taken, memory) = (time() - start, MEMORY.peak_usage() - before);
    assert!(memory <= MOST_MEMORY, "{memory} bytes");
    assert!(taken <= MOST_TIME, "{taken:?}");
});

/// The processor time of this thread.
fn time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into().expect("it is not negative")
}
