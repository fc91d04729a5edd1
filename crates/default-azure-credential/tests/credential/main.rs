//! The chain as an application sees it, against endpoints on loopback.
#![expect(clippy::unwrap_used, reason = "a test panics where a result is not as expected")]

mod app_service;
mod chain;
mod child;
mod concurrency;
mod developer_tools;
mod environment;
mod harness;
mod imds;
mod options;
mod powershell;
mod server;
mod tools;
mod workload_identity;
