//! PostgreSQL as a flexible server of Azure, by clients that were not written here: psql, psycopg and sqlx.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod functions;
mod lifetimes;
mod rig;
mod sign_in;
