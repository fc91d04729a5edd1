//! Signing in to Azure without a password.
//!
//! [`credential`] finds the identity of this process and gets tokens for it. The crate `entra-postgres` keeps one of them valid
//! for PostgreSQL, which accepts it as a password.

mod credential;

pub use self::credential::credential;
