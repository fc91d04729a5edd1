//! Web apps, deployed and run as App Service on Linux does it, with real processes.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cloud;
mod deployment;
mod front_end;
mod life;
