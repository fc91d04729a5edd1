//! Blob Storage as its clients see it: Microsoft's own, in Python and Rust, and plain requests.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod clients;
mod credentials;
mod durable;
mod open;
mod rig;
mod roles;
