//! The command as a developer runs it.
//!
//! The site is the one that `cargo build` of the workspace built: its package contains the debug binary and `start.sh`.

#![expect(clippy::unwrap_used, reason = "a test panics where a result is not as expected")]

mod apps;
mod azure_cli;
mod deploy;
mod examples;
mod network;
mod outside;
mod resources;
mod running;
mod sdk;
mod sign_in;
mod site;
mod start;
mod tutorial;
