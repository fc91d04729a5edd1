//! Blob Storage as its clients see it.

mod clients;
mod credentials;
mod durable;
mod open;
mod roles;
