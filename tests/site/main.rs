//! Tests of the site through its real router over a real socket, of its store, and of its process.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod blobs;
mod cache;
mod crash;
mod faults;
mod forms;
mod harness;
mod hostile;
mod imports;
mod managed_identity;
mod pages;
mod passwordless;
mod photos;
mod plain_sql;
mod plans;
mod postgres;
mod process;
mod rig;
mod search;
mod start_sh;
mod store;
