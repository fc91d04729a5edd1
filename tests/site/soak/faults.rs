//! Injects one fault after the other.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::LocalBoxFuture;
use tokio::time::sleep;

use super::load::Load;
use super::options::Options;

/// What is done to a system.
pub type Action<S> = fn(&S) -> LocalBoxFuture<'_, ()>;

/// A fault of a system.
pub struct Fault<S: 'static> {
    /// Its name in the report.
    name: &'static str,
    begin: Action<S>,
    /// For how many seconds it lasts, and what ends it. `None` if it is over at once, or ends by itself.
    end: Option<(RangeInclusive<u64>, Action<S>)>,
}

impl<S> Fault<S> {
    /// A fault that is over at once, or that ends by itself.
    pub fn momentary(name: &'static str, begin: Action<S>) -> Self {
        Self { name, begin, end: None }
    }

    /// A fault that lasts for this many seconds.
    pub fn lasting(name: &'static str, seconds: RangeInclusive<u64>, begin: Action<S>, end: Action<S>) -> Self {
        Self {
            name,
            begin,
            end: Some((seconds, end)),
        }
    }
}

/// Injects these faults in a random order, again and again, until the time is over. Each one has its turn before any of
/// them has another.
pub async fn inject<S>(system: &S, mut faults: Vec<Fault<S>>, load: &Load, options: &Options) {
    faults.retain(|fault| fault.name.contains(&options.only));
    assert!(!faults.is_empty(), "SOAK_ONLY is in no name of a fault");
    let mut rng = Rng::with_seed(options.seed);
    // A recovery takes as many numbers as it needs, and must not change the order of the faults.
    let mut for_recoveries = rng.fork();
    let started = Instant::now();
    let mut waiting: Vec<&Fault<S>> = Vec::new();
    loop {
        sleep(Duration::from_secs(rng.u64(1..=3))).await;
        if started.elapsed() >= options.length {
            return;
        }
        if waiting.is_empty() {
            waiting.extend(&faults);
            rng.shuffle(&mut waiting);
        }
        let fault = waiting.pop().unwrap();
        load.journal.begin(fault.name);
        (fault.begin)(system).await;
        if let Some((seconds, end)) = &fault.end {
            sleep(Duration::from_secs(rng.u64(seconds.clone()))).await;
            end(system).await;
        }
        let recovery = load.recovery(&mut for_recoveries).await;
        println!(
            "{:4} s: {}: recovered in {:.1} s",
            started.elapsed().as_secs(),
            fault.name,
            recovery.as_secs_f64()
        );
        load.journal.end(recovery);
    }
}
