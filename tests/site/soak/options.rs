//! How a soak runs.

use std::env;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Each option is a variable of the environment.
pub struct Options {
    /// `SOAK_MINUTES`.
    pub length: Duration,
    /// `SOAK_SEED`, from which the order and the lengths of the faults follow.
    pub seed: u64,
    /// `SOAK_ONLY`: only the faults with that in their names are injected.
    pub only: String,
    /// `SOAK_REPORT`: the document that gets the figures.
    pub report: Option<PathBuf>,
}

impl Options {
    pub fn from_environment() -> Self {
        let options = Self {
            length: Duration::from_mins(variable("SOAK_MINUTES").unwrap_or(5)),
            seed: variable("SOAK_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000)),
            only: variable("SOAK_ONLY").unwrap_or_default(),
            report: variable("SOAK_REPORT"),
        };
        println!("SOAK_SEED={}", options.seed);
        options
    }
}

fn variable<T: FromStr<Err: Display>>(name: &str) -> Option<T> {
    let value = env::var(name).ok()?;
    let parsed = value.parse();
    Some(parsed.unwrap_or_else(|error| panic!("{name} is {value:?}: {error}")))
}
