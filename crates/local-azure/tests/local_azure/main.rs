//! Tests each service of Local Azure with the clients that its users have: the official libraries, psql, and plain
//! requests.

#![expect(clippy::unwrap_used, reason = "a test panics where a result is not as expected")]

mod app_service;
mod control;
mod identity;
mod postgres;
mod rig;
mod storage;
